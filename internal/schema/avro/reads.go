package avro

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/evidentlog/evident/internal/schema"
)

// Limits of a comparison: what is beyond them is not compatible, and says so.
const (
	maxPairs    = 5_000_000 // of types that are compared
	maxFindings = 100       // incompatibilities that are listed
)

// Reads says what may go wrong when s reads what was written with writer, which
// must be an Avro schema too: the resolution of schemas as the specification
// has it. Logical types play no part.
func (s *Schema) Reads(writer schema.Schema, _ schema.Policy) []schema.Incompatibility {
	w, ok := writer.(*Schema)
	if !ok {
		return []schema.Incompatibility{finding("TYPE_MISMATCH", "/", fmt.Sprintf("reader type: %s not compatible with writer type: %s", s.Type(), writer.Type()))}
	}
	c := comparison{wrong: map[pair]bool{}}
	for {
		known := len(c.wrong)
		c.assumed = false
		c.begun, c.done = map[pair]bool{}, map[pair][]schema.Incompatibility{}
		found := c.compare("", s.root, w.root, nil)
		if c.pairs > maxPairs {
			return []schema.Incompatibility{finding("TYPE_MISMATCH", "/", fmt.Sprintf("the schemas are too large to be compared: more than %d pairs of types", maxPairs))}
		}
		if len(found) > 0 || !c.assumed || len(c.wrong) == known {
			return found[:min(len(found), maxFindings)]
		}
	}
}

type pair struct{ reader, writer *node }

// comparison compares the types of two schemas. A pair that is met again while
// it is being compared is taken to be compatible. Where that turns out wrong,
// and may have hidden something (a union has other branches to try), the
// comparison is made again, and knows.
type comparison struct {
	begun   map[pair]bool
	done    map[pair][]schema.Incompatibility
	wrong   map[pair]bool // pairs that are not compatible
	assumed bool          // a pair was taken to be compatible
	pairs   int
}

// path leads to a place in the reader: steps of a JSON Pointer, last first.
type path struct {
	step string
	up   *path
}

func (p *path) String() string {
	var steps []string
	for ; p != nil && p.up != nil; p = p.up { // the root is not a step
		steps = append(steps, strings.NewReplacer("~", "~0", "/", "~1").Replace(p.step))
	}
	slices.Reverse(steps)
	return "/" + strings.Join(steps, "/")
}

func (c *comparison) compare(step string, r, w *node, up *path) []schema.Incompatibility {
	at, p := &path{step, up}, pair{r, w}
	if found, ok := c.done[p]; ok {
		return found
	}
	if c.begun[p] {
		if c.wrong[p] {
			return mismatch(r, w, at)
		}
		c.assumed = true
		return nil
	}
	if c.pairs++; c.pairs > maxPairs {
		return mismatch(r, w, at)
	}
	c.begun[p] = true
	found := c.types(r, w, at)
	if len(found) > maxFindings {
		found = found[:maxFindings]
	}
	if len(found) > 0 {
		c.wrong[p] = true
	}
	c.done[p] = found
	return found
}

// promotions are the kinds that a reader's kind can be read from, besides
// itself.
var promotions = map[kind][]kind{
	kindLong: {kindInt}, kindFloat: {kindInt, kindLong}, kindDouble: {kindInt, kindLong, kindFloat},
	kindBytes: {kindString}, kindString: {kindBytes},
}

func (c *comparison) types(r, w *node, at *path) (found []schema.Incompatibility) {
	switch {
	case r.kind == kindUnion && w.kind == kindUnion:
		for i, b := range w.branches {
			// What is wrong within a branch is not told, only that it is.
			if len(c.compare("", r, b, nil)) > 0 {
				found = append(found, missingBranch(b, &path{strconv.Itoa(i), at}))
			}
		}
		return found
	case w.kind == kindUnion:
		for i, b := range w.branches {
			found = append(found, c.compare(strconv.Itoa(i), r, b, at)...)
		}
		return found
	case r.kind == kindUnion:
		for _, b := range r.branches {
			if c.mayRead(b, w) && len(c.compare("", b, w, nil)) == 0 {
				return nil
			}
		}
		return []schema.Incompatibility{missingBranch(w, at)}
	case r.kind == w.kind:
		return c.sameKind(r, w, at)
	case slices.Contains(promotions[r.kind], w.kind):
		return nil
	}
	return mismatch(r, w, at)
}

// mayRead is what is quickly known of two types, so that long unions of long
// records take no time.
func (c *comparison) mayRead(r, w *node) bool {
	if c.pairs++; c.pairs > maxPairs {
		return false
	}
	if r.kind != w.kind {
		return slices.Contains(promotions[r.kind], w.kind)
	}
	return !r.kind.named() || namesMatch(r, w)
}

func (c *comparison) sameKind(r, w *node, at *path) (found []schema.Incompatibility) {
	if r.kind.named() && !namesMatch(r, w) {
		found = append(found, finding("NAME_MISMATCH", (&path{"name", at}).String(), "expected: "+w.name.full()))
	}
	switch r.kind {
	case kindArray:
		found = append(found, c.compare("items", r.items, w.items, at)...)
	case kindMap:
		found = append(found, c.compare("values", r.items, w.items, at)...)
	case kindFixed:
		if r.size != w.size {
			found = append(found, finding("FIXED_SIZE_MISMATCH", (&path{"size", at}).String(), fmt.Sprintf("expected: %d, found: %d", w.size, r.size)))
		}
	case kindEnum:
		if missing := missingSymbols(r, w); len(missing) > 0 && r.fallback == nil {
			found = append(found, finding("MISSING_ENUM_SYMBOLS", (&path{"symbols", at}).String(), "["+strings.Join(missing, ", ")+"]"))
		}
	case kindRecord:
		found = append(found, c.fields(r, w, &path{"fields", at})...)
	}
	return found
}

// namesMatch compares names without namespaces, and the reader's aliases.
func namesMatch(r, w *node) bool {
	return r.name.short == w.name.short || slices.Contains(r.aliases, w.name)
}

func missingSymbols(r, w *node) (missing []string) {
	has := make(map[string]bool, len(r.symbols))
	for _, s := range r.symbols {
		has[s] = true
	}
	for _, s := range w.symbols {
		if !has[s] {
			missing = append(missing, s)
		}
	}
	slices.Sort(missing)
	return missing
}

func (c *comparison) fields(r, w *node, at *path) (found []schema.Incompatibility) {
	for i := range r.fields {
		f, here := &r.fields[i], &path{strconv.Itoa(i), at}
		sources := sourcesOf(f, w)
		switch {
		case len(sources) == 1:
			found = append(found, c.compare("type", f.typ, sources[0].typ, here)...)
		case len(sources) > 1:
			found = append(found, ambiguous(f, w, here))
		case f.fallback != nil:
		case f.typ.kind == kindEnum && f.typ.fallback != nil:
			// An enum's default stands for symbols that are not known, not for
			// a field that is not there.
			found = append(found, mismatch(f.typ, w, &path{"type", here})...)
		default:
			found = append(found, finding("READER_FIELD_MISSING_DEFAULT_VALUE", here.String(), f.name))
		}
		if len(found) > maxFindings {
			break
		}
	}
	return found
}

// sourcesOf finds the writer's fields that a reader's field may be read from:
// one, unless its aliases are names of others.
func sourcesOf(f *field, w *node) (sources []*field) {
	if s := w.byName[f.name]; s != nil {
		sources = append(sources, s)
	}
	for _, a := range f.aliases {
		if s := w.byName[a]; s != nil && !slices.Contains(sources, s) {
			sources = append(sources, s)
		}
	}
	return sources
}
