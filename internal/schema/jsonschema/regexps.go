package jsonschema

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"

	js "github.com/santhosh-tekuri/jsonschema/v6"
)

// Limits of patterns, as steps that they may take for each character.
const (
	maxPattern  = 2_000   // of one
	maxPatterns = 100_000 // of all of a schema
)

// regexps compiles patterns. They are ECMA-262's by the specification; what of
// them RE2 has is matched, in linear time, and what it has not (lookahead, back
// references) is not: a schema with such patterns can be stored and compared.
type regexps struct {
	total       int
	unsupported error // the first
}

// unmatched is a pattern that can be compared only.
type unmatched string

func (u unmatched) String() string          { return string(u) }
func (u unmatched) MatchString(string) bool { return false }

func (r *regexps) compile(pattern string) (js.Regexp, error) {
	re, err := r.re2(pattern)
	if err != nil {
		if r.unsupported == nil {
			r.unsupported = fmt.Errorf("pattern %q: %w", short(pattern), err)
		}
		return unmatched(pattern), nil
	}
	return named{re, pattern}, nil
}

// named is a pattern under the text that the author gave it.
type named struct {
	*regexp.Regexp
	text string
}

func (n named) String() string { return n.text }

func (r *regexps) re2(pattern string) (*regexp.Regexp, error) {
	if len(pattern) > maxPattern {
		return nil, fmt.Errorf("it has %d characters, and may have %d", len(pattern), maxPattern)
	}
	text := translate(pattern)
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, err
	}
	cost := steps(tree)
	if cost > maxPattern || r.total+cost > maxPatterns {
		return nil, fmt.Errorf("it takes %d steps for each character, where %d are the most, and %d for all patterns", cost, maxPattern, maxPatterns)
	}
	r.total += cost
	return regexp.Compile(text)
}

// steps is how many places a pattern can be at, with its repetitions written
// out.
func steps(re *syntax.Regexp) int {
	n := 1 + len(re.Rune)
	for _, sub := range re.Sub {
		n += steps(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Min, re.Max, 1)
	}
	return min(n, 1<<30)
}

// translate writes what ECMA-262 spells otherwise as RE2 does: characters by
// number and control characters.
func translate(pattern string) string {
	if !strings.Contains(pattern, `\u`) && !strings.Contains(pattern, `\c`) {
		return pattern
	}
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '\\' || i+1 == len(pattern) {
			b.WriteByte(pattern[i])
			continue
		}
		rest := pattern[i+1:]
		switch {
		case len(rest) >= 5 && rest[0] == 'u' && isHex(rest[1:5]):
			b.WriteString(`\x{` + rest[1:5] + `}`)
			i += 5
		case len(rest) >= 2 && rest[0] == 'c' && (rest[1]|0x20) >= 'a' && (rest[1]|0x20) <= 'z':
			b.WriteString(`\x{` + strconv.FormatInt(int64(rest[1]&31), 16) + `}`)
			i += 2
		default:
			b.WriteString(pattern[i : i+2])
			i++
		}
	}
	return b.String()
}

func isHex(s string) bool {
	_, err := strconv.ParseUint(s, 16, 32)
	return err == nil
}
