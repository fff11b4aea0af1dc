package manifest

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	// mostDepth is how deep values may lie in one another.
	mostDepth = 100
	// mostAliased is how many values of a document may come about by aliases: a few
	// lines can name billions.
	mostAliased = 10_000
)

// A walker makes JSON of the nodes of one document.
type walker struct {
	doc     *Document
	before  int // lines of the file before the document
	out     []byte
	wrong   Problems
	aliased int // values that came about by aliases
	within  int // how many aliases are being followed
}

func (w *walker) problem(n *yaml.Node, format string, args ...any) {
	w.wrong = append(w.wrong, Problem{File: w.doc.File, Line: w.before + n.Line, Column: n.Column, Text: fmt.Sprintf(format, args...)})
}

// value appends a node's JSON. It goes on after problems, so that all are told,
// but not after what would cost without bound.
func (w *walker) value(pointer string, n *yaml.Node, depth int) {
	if _, there := w.doc.at[pointer]; !there {
		w.doc.at[pointer] = position{w.before + n.Line, n.Column}
	}
	if depth > mostDepth {
		w.problem(n, "values lie in one another more than %d deep", mostDepth)
		return
	}
	if w.within > 0 {
		if w.aliased++; w.aliased > mostAliased {
			if w.aliased == mostAliased+1 {
				w.problem(n, "aliases make more than %d values: write them out", mostAliased)
			}
			return
		}
	}
	switch n.Kind {
	case yaml.MappingNode:
		w.mapping(pointer, n, depth)
	case yaml.SequenceNode:
		w.sequence(pointer, n, depth)
	case yaml.AliasNode:
		w.within++
		w.value(pointer, n.Alias, depth+1)
		w.within--
	default:
		w.scalar(n)
	}
}

func (w *walker) mapping(pointer string, n *yaml.Node, depth int) {
	if tag := n.ShortTag(); tag != "!!map" {
		w.problem(n, "the tag %s means nothing here: leave it out", tag)
	}
	seen := make(map[string]int, len(n.Content)/2)
	w.out = append(w.out, '{')
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str" && !plainWord(key) {
			w.problem(key, "a key must be a text, and this is %s", describe(key))
			continue
		}
		if line, twice := seen[key.Value]; twice {
			w.problem(key, "the key %q stands here a second time: it is in line %d, too", key.Value, line)
			continue
		}
		seen[key.Value] = w.before + key.Line
		if len(seen) > 1 {
			w.out = append(w.out, ',')
		}
		w.text(key.Value)
		w.out = append(w.out, ':')
		at := pointer + "/" + escape(key.Value)
		w.doc.at[at] = position{w.before + key.Line, key.Column} // where the eye looks for it
		w.value(at, value, depth+1)
	}
	w.out = append(w.out, '}')
}

func (w *walker) sequence(pointer string, n *yaml.Node, depth int) {
	if tag := n.ShortTag(); tag != "!!seq" {
		w.problem(n, "the tag %s means nothing here: leave it out", tag)
	}
	w.out = append(w.out, '[')
	for i, value := range n.Content {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.value(pointer+"/"+strconv.Itoa(i), value, depth+1)
	}
	w.out = append(w.out, ']')
}

// scalar appends a single value by YAML's core schema. Dates, which that does not
// know, are texts.
func (w *walker) scalar(n *yaml.Node) {
	switch tag := n.ShortTag(); tag {
	case "!!str", "!!timestamp":
		w.text(n.Value)
	case "!!null":
		w.out = append(w.out, "null"...)
	case "!!bool":
		w.out = strconv.AppendBool(w.out, strings.EqualFold(n.Value, "true"))
	case "!!int":
		w.integer(n)
	case "!!float":
		w.float(n)
	case "!!merge":
		w.problem(n, "merge keys (<<) are not read: write the fields out")
	default:
		w.problem(n, "the tag %s means nothing here: leave it out", tag)
	}
}

func (w *walker) integer(n *yaml.Node) {
	var signed int64
	var unsigned uint64
	switch {
	case n.Decode(&signed) == nil:
		w.out = strconv.AppendInt(w.out, signed, 10)
	case n.Decode(&unsigned) == nil:
		w.out = strconv.AppendUint(w.out, unsigned, 10)
	default:
		w.problem(n, "the number %s is beyond 64 bits: put it in quotes to make it a text", n.Value)
	}
}

func (w *walker) float(n *yaml.Node) {
	var f float64
	if err := n.Decode(&f); err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		w.problem(n, "%s is no number that JSON has: put it in quotes to make it a text", n.Value)
		return
	}
	number, err := json.Marshal(f)
	if err != nil {
		w.problem(n, "the number %s: %v", n.Value, err)
		return
	}
	w.out = append(w.out, number...)
}

// text appends a JSON string.
func (w *walker) text(s string) {
	quoted, _ := json.Marshal(s) // which no text fails
	w.out = append(w.out, quoted...)
}

// plainWord tells whether a key is one of the words that YAML takes for something
// else than a text, but as a key nobody means so: a number, true, a date.
func plainWord(key *yaml.Node) bool {
	switch key.ShortTag() {
	case "!!int", "!!float", "!!bool", "!!timestamp":
		return true
	}
	return false
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch tag := n.ShortTag(); tag {
	case "!!null":
		return "nothing"
	case "!!merge":
		return "a merge key (<<): write the fields out"
	default:
		return tag
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }
