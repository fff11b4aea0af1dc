package manifest

import (
	"bytes"
)

// A part is the text of one document, and how many lines stand before it.
type part struct {
	text   []byte
	before int
}

// split cuts a file at its document markers: lines that begin with "---". YAML
// allows those nowhere else, not even in a block of text, so that a document's
// size is known before anything is made of it.
func split(text []byte) []part {
	var parts []part
	begin, line, began := 0, 0, 0
	for at := 0; at < len(text); line++ {
		end := len(text)
		if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		if marks(text[at:end]) && at > begin {
			parts = append(parts, part{text[begin:at], began})
			begin, began = at, line
		}
		at = end
	}
	return append(parts, part{text[begin:], began})
}

// marks tells whether a line begins a document.
func marks(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}
