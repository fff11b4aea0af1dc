package live

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
)

// ErrPosition says that a text is no position, or one that the topic has not.
var ErrPosition = errors.New("no position in the topic")

// A Position has the next offset of each partition. As text they stand in the order of
// the partitions, with dots between them, and may be followed by ~ and the digits of the
// topic they are of.
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

// ParsePosition reads a position, and the digits of its topic if it has any.
func ParsePosition(s string) (p Position, digits string, err error) {
	offsets, digits, found := strings.Cut(s, "~")
	if found && digits == "" {
		return nil, "", notPosition(s)
	}
	for text := range strings.SplitSeq(offsets, ".") {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 || text[0] == '+' {
			return nil, "", notPosition(s)
		}
		p = append(p, n)
	}
	return p, digits, nil
}

func notPosition(s string) error {
	return fmt.Errorf("%w: %q, where offsets with dots between them are one, such as 17.0.4", ErrPosition, s)
}

// digitsOf are a few digits of a topic's id, which a topic of the same name that is made
// later does not have. There are none where topics have no ids.
func digitsOf(id kadm.TopicID) string {
	if id == (kadm.TopicID{}) {
		return ""
	}
	return hex.EncodeToString(id[:4])
}

// reaches tells whether the position is nowhere before another one.
func (p Position) reaches(other Position) bool { return p.before(other, 0) < 0 }

// before is the first partition, from one on and around, in which the position is before
// another one; negative if there is none.
func (p Position) before(other Position, from int) int {
	for i := range other {
		if n := (from + i) % len(other); p[n] < other[n] {
			return n
		}
	}
	return -1
}

// within tells what is wrong with a position that is behind the end.
func (p Position) within(end Position) error {
	for i, offset := range p {
		if offset > end[i] {
			return fmt.Errorf("%w: offset %d of partition %d is behind its end, %d: it is of another topic, or the end was lost; begin with from=start", ErrPosition, offset, i, end[i])
		}
	}
	return nil
}

func (p Position) clone() Position { return slices.Clone(p) }
