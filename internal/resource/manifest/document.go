package manifest

import (
	"encoding/json"
	"strings"
)

// A Document is one thing as it was declared.
type Document struct {
	// File is what it was read from, "-" for the standard input.
	File string
	// JSON is the same document as JSON, with its keys in the order in which they
	// were written.
	JSON json.RawMessage

	at map[string]position // by JSON pointer (RFC 6901)
}

// A position is a place in a file, both from 1.
type position struct{ line, column int }

// Problem tells what is wrong at a JSON pointer (RFC 6901) of the document. The
// place is that of the value, or of the nearest around it that is there.
func (d *Document) Problem(pointer, text string) Problem {
	at := d.nearest(pointer)
	return Problem{File: d.File, Line: at.line, Column: at.column, Text: text}
}

func (d *Document) nearest(pointer string) position {
	for {
		if at, ok := d.at[pointer]; ok {
			return at
		}
		slash := strings.LastIndexByte(pointer, '/')
		if slash < 0 {
			return d.at[""]
		}
		pointer = pointer[:slash]
	}
}

// escape makes a key one part of a JSON pointer.
func escape(key string) string {
	if !strings.ContainsAny(key, "~/") {
		return key
	}
	return strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}
