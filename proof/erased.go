package proof

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Range is offsets of a partition, First to Last, both included.
type Range struct {
	First, Last int64
}

// Count is the number of offsets.
func (r Range) Count() int64 { return r.Last - r.First + 1 }

func (r Range) String() string {
	if r.First == r.Last {
		return strconv.FormatInt(r.First, 10)
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// FormatRanges writes ranges as an erased entry has them: "1042,1050-1053".
func FormatRanges(ranges []Range) string {
	all := make([]string, len(ranges))
	for i, r := range ranges {
		all[i] = r.String()
	}
	return strings.Join(all, ",")
}

// ParseRanges reads what FormatRanges writes. Ranges must rise, and there must be
// a gap between one and the next: so each set of offsets is written in one way.
func ParseRanges(text string) ([]Range, error) {
	var ranges []Range
	for part := range strings.SplitSeq(text, ",") {
		r, err := parseRange(part)
		if err != nil {
			return nil, fmt.Errorf("offsets %q: %w", abbreviate(text), err)
		}
		if n := len(ranges); n > 0 && r.First-1 <= ranges[n-1].Last { // no sum: it may be too large for a number
			return nil, fmt.Errorf("offsets %q: %v is not behind %v, with a gap between them", abbreviate(text), r, ranges[n-1])
		}
		ranges = append(ranges, r)
	}
	return ranges, nil
}

func parseRange(s string) (Range, error) {
	first, last, isRange := strings.Cut(s, "-")
	a, err := parseNumber(first)
	if err != nil || !isRange {
		return Range{a, a}, err
	}
	b, err := parseNumber(last)
	if err == nil && b <= a {
		err = errors.New("a range ends before it begins, or has one offset only")
	}
	return Range{a, b}, err
}

// Erased returns what an erased entry says: which offsets, and who asked for it.
func (e *RootEntry) Erased() (ranges []Range, by string, err error) {
	if e.Kind != ErasedEntry || len(e.Details) != 2 {
		return nil, "", fmt.Errorf("root entry: %q does not tell of an erasure", abbreviate(e.Kind))
	}
	if ranges, err = ParseRanges(strings.TrimPrefix(e.Details[0], "offsets ")); err != nil {
		return nil, "", fmt.Errorf("root entry: %w", err)
	}
	if last := ranges[len(ranges)-1].Last; last >= e.Checkpoint.Size {
		return nil, "", fmt.Errorf("root entry: offset %d is erased, and the head has %d", last, e.Checkpoint.Size)
	}
	return ranges, strings.TrimPrefix(e.Details[1], "by "), nil
}

// NewErased makes the entry that says that offsets below a head were erased.
func NewErased(time int64, head Checkpoint, ranges []Range, by string) RootEntry {
	return RootEntry{
		Kind: ErasedEntry, Time: time, Checkpoint: head,
		Details: []string{"offsets " + FormatRanges(ranges), "by " + by},
	}
}
