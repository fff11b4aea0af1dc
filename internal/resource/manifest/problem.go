package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Problem is one thing that is wrong with what was declared.
type Problem struct {
	// File is where it stands, and Line and Column, from 1, where in it; zero if
	// that is not known.
	File         string
	Line, Column int
	// Text says what is wrong, with the value, and what would be right.
	Text string
}

// String is FILE:LINE:COLUMN: TEXT, as compilers have it.
func (p Problem) String() string {
	switch {
	case p.File == "":
		return p.Text
	case p.Line == 0:
		return p.File + ": " + p.Text
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Text)
}

// Problems are an error that has a line for each, in the order of files and lines.
type Problems []Problem

// mostProblems is how many an error tells of.
const mostProblems = 100

func (ps Problems) Error() string {
	sorted := slices.Clone(ps)
	slices.SortStableFunc(sorted, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	var lines []string
	for _, p := range sorted[:min(len(sorted), mostProblems)] {
		lines = append(lines, p.String())
	}
	if more := len(sorted) - mostProblems; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}

// err is ps, or nil if there are none.
func (ps Problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}
