// Package nearest finds what somebody meant who mistyped a name: a flag, a
// configuration key, a topic. It only compares words; what to say is the
// caller's.
package nearest

import "strings"

// Of returns the choice that word most probably stands for, and whether there
// is one near enough to be worth suggesting. Case, and "-", "_" and "." as
// separators, do not count as differences; otherwise about a third of the
// word may differ. Of equals, the first choice wins.
func Of(word string, choices []string) (string, bool) {
	folded := fold(word)
	best, bestDistance := "", limit(folded)+1
	for _, c := range choices {
		if d := distance(folded, fold(c)); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	if best == "" {
		return extended(folded, choices)
	}
	return best, true
}

// Hint is `: did you mean "x"?` for the choice nearest to word, or otherwise
// when there is none; it is made to end an error message.
func Hint(word string, choices []string, otherwise string) string {
	if near, ok := Of(word, choices); ok {
		return `: did you mean "` + near + `"?`
	}
	return otherwise
}

// extended finds the only choice that word begins or ends ("retention" for
// "retention.ms", "kafka" for "listen-kafka").
func extended(folded string, choices []string) (string, bool) {
	if len(folded) < 3 {
		return "", false
	}
	found := ""
	for _, c := range choices {
		f := fold(c)
		if strings.HasPrefix(f, folded) || strings.HasSuffix(f, folded) {
			if found != "" {
				return "", false
			}
			found = c
		}
	}
	return found, found != ""
}

// limit is how many edits may lie between a word and what it stands for.
func limit(word string) int {
	return max(1, len(word)/3)
}

func fold(s string) string {
	return strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(s))
}

// distance counts the insertions, deletions, substitutions and swaps of
// neighbours that turn a into b (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
