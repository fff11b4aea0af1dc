package standby_test

import (
	"context"
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process/standby"
)

// FuzzParseMark: what is read as a mark is written as it was, but for the form of a number;
// nothing else is read.
func FuzzParseMark(f *testing.F) {
	for _, text := range []string{
		standby.Mark{Changelog: [16]byte{1, 2, 15: 255}, Next: 77}.String(), standby.Mark{Changelog: [16]byte{9}, Discarded: true}.String(),
		"", "changelog:", "discarded:00", "changelog:zz:1", "changelog:00000000000000000000000000000000:-1", "discarded:0000000000000000000000000000000000",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, ok := standby.ParseMark(text)
		if !ok {
			return
		}
		if again, ok := standby.ParseMark(m.String()); !ok || again != m {
			t.Errorf("%q is %+v, and that is %+v, %t", text, m, again, ok)
		}
		if m.Next < 0 {
			t.Errorf("%q is at offset %d", text, m.Next)
		}
	})
}

// State is not made from a changelog that is not, or not whole, the one of the positions.
func TestAChangelogThatDoesNotFitThePositionsIsNotRestored(t *testing.T) {
	w := newWorld(t, 1)
	w.put(0, commit, "a", "1")
	right := w.restore(w.keeper(standby.Config{}), 0).Position()
	for name, c := range map[string]struct {
		mark standby.Mark
		lost bool
	}{
		"the right one":         {standby.Mark{Changelog: right.Changelog, Next: right.Next}, false},
		"another one":           {standby.Mark{Changelog: [16]byte{1}}, true},
		"cut back":              {standby.Mark{Changelog: right.Changelog, Next: right.Next + 1}, true},
		"discarded":             {standby.Mark{Changelog: right.Changelog, Discarded: true}, true},
		"another one discarded": {standby.Mark{Changelog: [16]byte{1}, Discarded: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			k := w.keeper(standby.Config{Settled: func(context.Context, *kgo.Client, int32) (standby.Positions, error) {
				return standby.Positions{Marks: []standby.Mark{c.mark}}, nil
			}})
			if _, err := k.Restore(t.Context(), 0); errors.Is(err, standby.ErrLost) != c.lost {
				t.Errorf("restored with %v", err)
			}
		})
	}
}
