package live

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrPosition says that a text is no position, or one that the topic has not.
var ErrPosition = errors.New("no position in the topic")

// A Position has the next offset of each partition. As text they stand in the order of
// the partitions, with dots between them.
type Position []int64

// String is the position as text.
func (p Position) String() string { return string(p.Append(nil)) }

// Append appends the position as text.
func (p Position) Append(dst []byte) []byte {
	for i, offset := range p {
		if i > 0 {
			dst = append(dst, '.')
		}
		dst = strconv.AppendInt(dst, offset, 10)
	}
	return dst
}

// ParsePosition reads what String writes.
func ParsePosition(s string) (Position, error) {
	var p Position
	for text := range strings.SplitSeq(s, ".") {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 || text[0] == '+' {
			return nil, fmt.Errorf("%w: %q, where offsets with dots between them are one, such as 17.0.4", ErrPosition, s)
		}
		p = append(p, n)
	}
	return p, nil
}

// reaches tells whether the position is nowhere before another one.
func (p Position) reaches(other Position) bool {
	for i, offset := range other {
		if p[i] < offset {
			return false
		}
	}
	return true
}

func (p Position) clone() Position { return slices.Clone(p) }
