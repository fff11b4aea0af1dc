package jsonschema

import "regexp/syntax"

// fixed is a pattern for whole texts of ASCII of one length, such as
// ^[0-9a-f]{8}-[0-9]{4}$, as a set of characters for each place. It is matched
// without the machine that regular expressions need.
type fixed []*[128]bool

// fixedOf makes one of a pattern, or nil if it is another kind.
func fixedOf(pattern string) fixed {
	tree, err := syntax.Parse(translate(pattern), syntax.Perl)
	if err != nil || tree.Op != syntax.OpConcat || len(tree.Sub) < 3 ||
		tree.Sub[0].Op != syntax.OpBeginText || tree.Sub[len(tree.Sub)-1].Op != syntax.OpEndText {
		return nil
	}
	f := fixed{}
	for _, sub := range tree.Sub[1 : len(tree.Sub)-1] {
		if f = f.with(sub, 1); f == nil || len(f) > 200 {
			return nil
		}
	}
	return f
}

// with adds what a part of a pattern takes, so many times.
func (f fixed) with(part *syntax.Regexp, times int) fixed {
	if part.Op == syntax.OpRepeat && part.Min == part.Max && times == 1 {
		return f.with(part.Sub[0], part.Min)
	}
	var ranges []rune
	switch {
	case part.Op == syntax.OpCharClass:
		ranges = part.Rune
	case part.Op == syntax.OpLiteral && len(part.Rune) == 1 && part.Flags&syntax.FoldCase == 0:
		ranges = []rune{part.Rune[0], part.Rune[0]}
	case part.Op == syntax.OpLiteral && times == 1 && part.Flags&syntax.FoldCase == 0:
		for _, r := range part.Rune {
			if f = f.with(&syntax.Regexp{Op: syntax.OpLiteral, Rune: []rune{r}}, 1); f == nil {
				return nil
			}
		}
		return f
	default:
		return nil
	}
	var set [128]bool
	for i := 0; i < len(ranges); i += 2 {
		if ranges[i+1] >= 128 {
			return nil
		}
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			set[r] = true
		}
	}
	for range times {
		f = append(f, &set)
	}
	return f
}

func (f fixed) match(s []byte) bool {
	if len(s) != len(f) {
		return false
	}
	for i, c := range s {
		if c >= 128 || !f[i][c] {
			return false
		}
	}
	return true
}
