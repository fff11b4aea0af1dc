package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

const (
	// mostBytes is how long a file may be, and mostDocument one document of it.
	mostBytes    = 16 << 20
	mostDocument = 1 << 20
	// mostDocuments is how many documents a file may have.
	mostDocuments = 10_000
)

// Read reads all documents of a file. Documents that are empty, or only comments,
// are left out. The error is [Problems] if the file could be read, and then all
// that are found are told at once.
func Read(file string, r io.Reader) ([]*Document, error) {
	text, err := io.ReadAll(io.LimitReader(r, mostBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", file, err)
	case len(text) > mostBytes:
		return nil, Problems{{File: file, Text: fmt.Sprintf("the file has more than %d MiB: make several files of it", mostBytes>>20)}}
	}
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	parts := split(text)
	if len(parts) > mostDocuments {
		return nil, Problems{{File: file, Text: fmt.Sprintf("the file has %d documents, and at most %d are read: make several files of it", len(parts), mostDocuments)}}
	}
	var all []*Document
	var wrong Problems
	for _, p := range parts {
		d, problems := readPart(file, p)
		wrong = append(wrong, problems...)
		if d != nil {
			all = append(all, d)
		}
	}
	if err := wrong.err(); err != nil {
		return nil, err
	}
	return all, nil
}

func readPart(file string, p part) (*Document, Problems) {
	problem := func(format string, args ...any) Problems {
		return Problems{{File: file, Line: p.before + 1, Column: 1, Text: fmt.Sprintf(format, args...)}}
	}
	if len(p.text) > mostDocument {
		return nil, problem("the document has %d bytes, and at most %d are read", len(p.text), mostDocument)
	}
	if at := invalid(p.text); at >= 0 {
		return nil, Problems{{
			File: file, Line: p.before + 1 + bytes.Count(p.text[:at], []byte("\n")), Column: at - bytes.LastIndexByte(p.text[:at], '\n'),
			Text: fmt.Sprintf("byte %#02x is not UTF-8", p.text[at]),
		}}
	}
	var root yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(p.text))
	if err := dec.Decode(&root); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, Problems{ofYAML(file, p.before, err)}
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) { // after "...", or a line that ends as on old Macs
		return nil, problem("more than one document stands here: begin each with a line ---")
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) != 1 || isNull(root.Content[0]) {
		return nil, nil
	}
	w := walker{doc: &Document{File: file, at: map[string]position{}}, before: p.before}
	w.value("", root.Content[0], 0)
	if len(w.wrong) > 0 {
		return nil, w.wrong
	}
	w.doc.JSON = w.out
	return w.doc, nil
}

// invalid is where the first byte stands that is not UTF-8, -1 if all is.
func invalid(text []byte) int {
	for at := 0; at < len(text); {
		r, n := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && n == 1 {
			return at
		}
		at += n
	}
	return -1
}

// atLine is how the YAML library tells where an error is.
var atLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(?s:(.*))$`)

// ofYAML makes a problem of an error of the YAML library, whose lines are those of
// the document.
func ofYAML(file string, before int, err error) Problem {
	p := Problem{File: file, Line: before + 1, Column: 1, Text: err.Error()}
	if m := atLine.FindStringSubmatch(err.Error()); m != nil {
		if line, err := strconv.Atoi(m[1]); err == nil {
			p.Line = before + line
		}
		p.Text = "this is not YAML: " + strings.TrimSpace(m[2])
	}
	return p
}
