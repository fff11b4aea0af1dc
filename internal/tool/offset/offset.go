// Package offset reads how a person says where in a partition to be, and finds
// out which offset that is. The words are those that kcat and rpk share.
package offset

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/tool"
)

// Syntax tells in a help text what [Parse] takes.
const Syntax = `start, end, an offset (N), from the start (+N), from the end (-N), ` +
	`or a time: @2026-01-31, @2026-01-31T08:00:00Z, @1769846400000 (ms), @-1h (ago)`

// Spec is a place in a partition.
type Spec struct {
	from origin
	n    int64 // records from the origin, or milliseconds since the epoch
}

type origin int

const (
	fromStart origin = iota
	fromEnd
	exact
	byTime
)

// Parse reads text as [Syntax] says. Times that are ago count back from now; those without a zone
// are in now's.
func Parse(text string, now time.Time) (Spec, error) {
	switch text {
	case "start", "beginning", "earliest":
		return Spec{from: fromStart}, nil
	case "end", "latest":
		return Spec{from: fromEnd}, nil
	}
	if t, ok := strings.CutPrefix(strings.TrimPrefix(text, "s"), "@"); ok {
		ms, err := ParseTime(t, now)
		return Spec{byTime, ms}, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return Spec{}, tool.Usagef("%q is no offset: write %s", text, Syntax)
	case n < 0:
		return Spec{fromEnd, n}, nil
	case text[0] == '+':
		return Spec{fromStart, n}, nil
	}
	return Spec{exact, n}, nil
}

// ParseTime returns milliseconds since the epoch. Bare digits are seconds, or
// milliseconds if there are more than ten (after the year 2286 in seconds,
// before April 1970 in milliseconds).
func ParseTime(text string, now time.Time) (int64, error) {
	if ago, ok := strings.CutPrefix(text, "-"); ok {
		if d, err := time.ParseDuration(ago); err == nil {
			return now.Add(-d).UnixMilli(), nil
		}
	}
	if n, err := strconv.ParseUint(text, 10, 63); err == nil {
		if len(text) <= 10 {
			n *= 1000
		}
		return int64(n), nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly, "2006-01-02T15:04:05", time.DateTime, "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t.UnixMilli(), nil
		}
	}
	return 0, tool.Usagef(`"@%s" is no time: write @2026-01-31, @2026-01-31T08:00:00Z, @1769846400000 (ms) or @-1h (ago)`, text)
}

// Kafka is s for a client that looks it up itself, as a group consumer does
// where nothing is committed yet.
func (s Spec) Kafka() kgo.Offset {
	switch s.from {
	case fromStart:
		return kgo.NewOffset().AtStart().Relative(s.n)
	case fromEnd:
		return kgo.NewOffset().AtEnd().Relative(s.n)
	case byTime:
		return kgo.NewOffset().AfterMilli(s.n)
	default:
		return kgo.NewOffset().At(s.n)
	}
}

// Partition names a partition.
type Partition struct {
	Topic     string
	Partition int32
}

func (p Partition) String() string { return fmt.Sprintf("%s/%d", p.Topic, p.Partition) }

// Span is what a partition holds: from Start to before End.
type Span struct{ Start, End int64 }

// Clamp is the offset within s that is nearest to o.
func (s Span) Clamp(o int64) int64 { return max(s.Start, min(o, s.End)) }

// Spans returns what every partition of topics holds.
func Spans(ctx context.Context, adm *kadm.Client, topics []string) (map[Partition]Span, error) {
	starts, err := listed(adm.ListStartOffsets(ctx, topics...))
	if err != nil {
		return nil, err
	}
	ends, err := listed(adm.ListEndOffsets(ctx, topics...))
	if err != nil {
		return nil, err
	}
	spans := make(map[Partition]Span, len(ends))
	for p, end := range ends {
		spans[p] = Span{min(starts[p], end), end}
	}
	return spans, nil
}

// Resolve returns the offset that s means in each of the partitions that spans
// has, which the caller got from [Spans]. An offset outside of a partition
// becomes its start or end.
func (s Spec) Resolve(ctx context.Context, adm *kadm.Client, spans map[Partition]Span) (map[Partition]int64, error) {
	var later map[Partition]int64
	if s.from == byTime {
		var err error
		if later, err = listed(adm.ListOffsetsAfterMilli(ctx, s.n, topics(spans)...)); err != nil {
			return nil, err
		}
	}
	offsets := make(map[Partition]int64, len(spans))
	for p, span := range spans {
		switch s.from {
		case fromStart:
			offsets[p] = span.Clamp(span.Start + s.n)
		case fromEnd:
			offsets[p] = span.Clamp(span.End + s.n)
		case exact:
			offsets[p] = span.Clamp(s.n)
		case byTime:
			offsets[p] = span.Clamp(later[p])
		}
	}
	return offsets, nil
}

func listed(offsets kadm.ListedOffsets, err error) (map[Partition]int64, error) {
	if err == nil {
		err = offsets.Error()
	}
	if err != nil {
		return nil, err
	}
	all := map[Partition]int64{}
	offsets.Each(func(o kadm.ListedOffset) { all[Partition{o.Topic, o.Partition}] = o.Offset })
	return all, nil
}

func topics(spans map[Partition]Span) []string {
	seen := map[string]bool{}
	var all []string
	for p := range spans {
		if !seen[p.Topic] {
			seen[p.Topic] = true
			all = append(all, p.Topic)
		}
	}
	return all
}
