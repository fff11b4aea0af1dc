package evidenttest

import (
	"fmt"
	"slices"
	"strings"
)

// shownAround is how many lines that are the same are shown around those that differ.
const shownAround = 3

// mostCells bounds the table of a comparison; beyond it all is shown as changed.
const mostCells = 1 << 22

// edit is a line that both texts have, or one of them.
type edit struct {
	sign byte // ' ', '-' or '+'
	line string
}

// difference shows how two texts differ, line by line.
func difference(from, to string) string {
	edits := editsOf(slices.Collect(strings.Lines(from)), slices.Collect(strings.Lines(to)))
	near := make([]bool, len(edits))
	for i, e := range edits {
		for j := max(0, i-shownAround); e.sign != ' ' && j <= min(len(edits)-1, i+shownAround); j++ {
			near[j] = true
		}
	}
	var b strings.Builder
	for i, e := range edits {
		switch {
		case near[i]:
			fmt.Fprintf(&b, "%c %s\n", e.sign, strings.TrimSuffix(e.line, "\n"))
		case i > 0 && near[i-1]:
			b.WriteString("  ⋮\n")
		}
	}
	return b.String()
}

// editsOf turns a into b, by their longest common subsequence.
func editsOf(a, b []string) []edit {
	var edits, last []edit
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		edits = append(edits, edit{' ', a[0]})
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		last = append([]edit{{' ', a[len(a)-1]}}, last...)
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	common := commonLengths(a, b)
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(a) > 0 && len(b) > 0 && a[0] == b[0]:
			edits = append(edits, edit{' ', a[0]})
			a, b = a[1:], b[1:]
		case len(b) == 0 || len(a) > 0 && common(len(a)-1, len(b)) >= common(len(a), len(b)-1):
			edits = append(edits, edit{'-', a[0]})
			a = a[1:]
		default:
			edits = append(edits, edit{'+', b[0]})
			b = b[1:]
		}
	}
	return append(edits, last...)
}

// commonLengths gives how many lines the last i of a and the last j of b have in common.
func commonLengths(a, b []string) func(i, j int) int {
	if len(a)*len(b) > mostCells {
		return func(int, int) int { return 0 }
	}
	table := make([][]int, len(a)+1)
	table[0] = make([]int, len(b)+1)
	for i := 1; i <= len(a); i++ {
		table[i] = make([]int, len(b)+1)
		for j := 1; j <= len(b); j++ {
			if a[len(a)-i] == b[len(b)-j] {
				table[i][j] = table[i-1][j-1] + 1
			} else {
				table[i][j] = max(table[i-1][j], table[i][j-1])
			}
		}
	}
	return func(i, j int) int { return table[i][j] }
}
