package schema

import (
	"iter"
	"slices"
	"strings"
	"testing"
)

// numbers is a schema that reads what has no number larger than its own.
type numbers struct {
	typ Type
	n   int
}

func (s numbers) Type() Type                    { return s.typ }
func (s numbers) Text() string                  { return strings.Repeat("é", s.n) }
func (s numbers) Normalized() string            { return s.Text() }
func (s numbers) Formatted(string) string       { return s.Text() }
func (s numbers) References() []Reference       { return nil }
func (s numbers) Validator() (Validator, error) { return nil, ErrInvalid }

func (s numbers) Reads(writer Schema, _ Policy) []Incompatibility {
	if w := writer.(numbers); w.n > s.n {
		return []Incompatibility{{
			Type: "SMALLER", Path: "/{detail}", Detail: "{writer}",
			Phrase: "{reader} at {path} is below {writer}: {detail}", Form: "<{type}|{description}|{detail}>",
		}}
	}
	return nil
}

// newestFirst gives versions 1, 2, … of Avro with these numbers, and counts
// how many were asked for.
func newestFirst(asked *int, ns ...int) iter.Seq2[int, Schema] {
	return func(yield func(int, Schema) bool) {
		for i, n := range slices.Backward(ns) {
			*asked++
			if !yield(i+1, numbers{Avro, n}) {
				return
			}
		}
	}
}

func TestALevelLooksInItsDirectionsAndAtAsManyVersionsAsItIsOwedTo(t *testing.T) {
	const (
		newIsBelow = "<SMALLER|new at /{detail} is below old: {writer}|{writer}>"
		oldIsBelow = "<SMALLER|old at /{detail} is below new: {writer}|{writer}>"
	)
	for _, tc := range []struct {
		level Compatibility
		next  int
		older []int
		want  string // the first line
		lines int
		asked int
	}{
		{None, 1, []int{9}, "", 0, 0},
		{Backward, 5, []int{9, 4}, "", 0, 1},
		{Backward, 5, []int{4, 9}, newIsBelow, 3, 1},
		{BackwardTransitive, 5, []int{9, 4}, newIsBelow, 3, 2},
		{BackwardTransitive, 9, []int{9, 4, 7}, "", 0, 3},
		{Forward, 5, []int{1, 9}, "", 0, 1},
		{Forward, 5, []int{9, 1}, oldIsBelow, 3, 1},
		{ForwardTransitive, 5, []int{1, 9}, oldIsBelow, 3, 2},
		{ForwardTransitive, 5, []int{1, 2, 9}, oldIsBelow, 3, 2},
		{Full, 5, []int{5}, "", 0, 1},
		{Full, 5, []int{9}, newIsBelow, 3, 1},
		{Full, 5, []int{1}, oldIsBelow, 3, 1},
		{FullTransitive, 5, []int{9, 5}, newIsBelow, 3, 2},
		{Backward, 5, nil, "", 0, 0},
	} {
		asked := 0
		got := Check(tc.level, Strict, numbers{Avro, tc.next}, newestFirst(&asked, tc.older...))
		first := ""
		if len(got) > 0 {
			first = got[0]
		}
		if first != tc.want || len(got) != tc.lines || asked != tc.asked {
			t.Errorf("%s %d after %v: %q, of %d versions; want %q, %d lines, of %d", tc.level, tc.next, tc.older, got, asked, tc.want, tc.lines, tc.asked)
		}
	}
}

func TestMessagesEndWithTheVersionAndItsTextCutBetweenCharacters(t *testing.T) {
	asked := 0
	got := Check(Backward, Strict, numbers{Avro, 0}, newestFirst(&asked, 1))
	if got[1] != "{oldSchemaVersion: 1}" || got[2] != "{oldSchema: 'é'}" {
		t.Errorf("got %q", got)
	}
	got = Check(Backward, Strict, numbers{Avro, 0}, newestFirst(&asked, maxOldSchema))
	if want := "{oldSchema: <truncated> '" + strings.Repeat("é", maxOldSchema/2) + "...'}"; got[2] != want {
		t.Errorf("a long schema is cut to %d bytes, want %d", len(got[2]), len(want))
	}
}

func TestSchemasOfTwoLanguagesAreNotCompared(t *testing.T) {
	asked := 0
	for _, level := range []Compatibility{Backward, ForwardTransitive, Full} {
		got := Check(level, Strict, numbers{JSON, 1}, newestFirst(&asked, 1))
		if len(got) != 1 || got[0] != "Incompatible because of different schema type" {
			t.Errorf("%s: got %q", level, got)
		}
	}
}
