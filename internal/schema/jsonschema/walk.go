package jsonschema

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/evidentlog/evident/internal/schema"
	"github.com/evidentlog/evident/internal/schema/jsontext"
)

// planned checks payloads by a plan, reading their bytes once and making
// nothing, unless a payload does not match or has strings with escapes.
type planned struct{ root *plan }

// Validate checks a JSON text.
func (v planned) Validate(_ []int, payload []byte) error {
	if !utf8.Valid(payload) {
		return &schema.Mismatch{Reason: "the payload is not UTF-8"}
	}
	w := walker{b: payload}
	if w.value(v.root, 0) {
		if w.space(); w.at == len(w.b) {
			return nil
		}
		w.fail("byte %d: more after the end of the value", w.at)
	}
	slices.Reverse(w.path)
	return &schema.Mismatch{Path: strings.Join(w.path, ""), Reason: w.reason}
}

// walker goes through a payload.
type walker struct {
	b      []byte
	at     int
	reason string
	path   []string // last first
	any    plan     // of what is not looked at
}

// fail is always false.
func (w *walker) fail(format string, args ...any) bool {
	w.reason = fmt.Sprintf(format, args...)
	return false
}

func (w *walker) syntax() bool {
	return w.fail("byte %d: not JSON", w.at)
}

func (w *walker) within(step string) bool {
	const mostSteps = 50
	if len(w.path) < mostSteps {
		w.path = append(w.path, "/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(step))
	}
	return false
}

func (w *walker) space() {
	for w.at < len(w.b) {
		switch w.b[w.at] {
		case ' ', '\t', '\n', '\r':
			w.at++
		default:
			return
		}
	}
}

// next takes a character that may come after white space.
func (w *walker) next(c byte) bool {
	w.space()
	if w.at < len(w.b) && w.b[w.at] == c {
		w.at++
		return true
	}
	return false
}

// value takes a value off the payload and checks it.
func (w *walker) value(p *plan, depth int) bool {
	if depth > jsontext.MaxDepth {
		return w.fail("nested deeper than %d", jsontext.MaxDepth)
	}
	if p == nil {
		p = &w.any
	}
	w.space()
	if w.at == len(w.b) {
		return w.syntax()
	}
	switch c := w.b[w.at]; {
	case c == '"':
		return w.text(p)
	case c == '{':
		return w.object(p, depth)
	case c == '[':
		return w.array(p, depth)
	case c == '-' || c >= '0' && c <= '9':
		return w.number(p)
	case c == 'n':
		return w.word("null", p, isNull, nil)
	case c == 't':
		return w.word("true", p, isBoolean, true)
	case c == 'f':
		return w.word("false", p, isBoolean, false)
	}
	return w.syntax()
}

// typed checks a value's type.
func (w *walker) typed(p *plan, is kinds) bool {
	if p.types == 0 || p.types&is != 0 {
		return true
	}
	var want []string
	for _, k := range []kinds{isNull, isBoolean, isNumber, isInteger, isString, isArray, isObject} {
		if p.types&k != 0 {
			want = append(want, kindNames[k])
		}
	}
	return w.fail("%s, where %s is expected", kindNames[is], strings.Join(want, " or "))
}

func (w *walker) word(word string, p *plan, is kinds, v any) bool {
	if len(w.b)-w.at < len(word) || string(w.b[w.at:w.at+len(word)]) != word {
		return w.syntax()
	}
	w.at += len(word)
	return w.typed(p, is) && w.oneOf(p, v)
}

// oneOf checks a value against those that are listed.
func (w *walker) oneOf(p *plan, v any) bool {
	if p.values == nil || slices.Contains(p.values, v) {
		return true
	}
	return w.fail("%s is not one of the values that are listed", short(fmt.Sprint(v)))
}

// str takes a string off: its characters, and whether there are escapes in it.
func (w *walker) str() (s []byte, escaped, ok bool) {
	b, from := w.b, w.at+1
	for i := from; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			w.at = i + 1
			return b[from:i], escaped, true
		case c == '\\':
			escaped = true
			i++
		case c < 0x20:
			w.at = i
			return nil, false, w.syntax()
		}
	}
	w.at = len(b)
	return nil, false, w.syntax()
}

// unescaped is a string without its escapes.
func (w *walker) unescaped(s []byte) (string, bool) {
	v, err := jsontext.Parse(`"` + string(s) + `"`)
	if err != nil {
		return "", w.fail("byte %d: %v", w.at, err)
	}
	return v.Text, true
}

func (w *walker) text(p *plan) bool {
	s, escaped, ok := w.str()
	if !ok || !w.typed(p, isString) {
		return false
	}
	if escaped {
		plain, ok := w.unescaped(s)
		if !ok {
			return false
		}
		s = []byte(plain)
	}
	if p.minLength.set || p.maxLength.set {
		n := utf8.RuneCount(s)
		if p.minLength.set && n < p.minLength.n || p.maxLength.set && n > p.maxLength.n {
			return w.fail("a string of %d characters, which is out of its limits", n)
		}
	}
	return w.spelled(p, s)
}

func (w *walker) spelled(p *plan, s []byte) bool {
	if p.values != nil && !slices.ContainsFunc(p.values, func(v any) bool { t, is := v.(string); return is && t == string(s) }) {
		return w.fail("%q is not one of the values that are listed", short(string(s)))
	}
	if p.pattern != nil && !p.matches(s) {
		return w.fail("%q does not match the pattern %q", short(string(s)), p.pattern)
	}
	if p.format != nil && !(p.format.Name == "date-time" && plainTime(s)) {
		if err := p.format.Validate(string(s)); err != nil {
			return w.fail("%q is no %s: %v", short(string(s)), p.format.Name, err)
		}
	}
	return true
}

func (p *plan) matches(s []byte) bool {
	if p.fixed != nil {
		return p.fixed.match(s)
	}
	if re, ok := p.pattern.(named); ok {
		return re.Match(s)
	}
	return p.pattern.MatchString(string(s))
}

func (w *walker) array(p *plan, depth int) bool {
	w.at++
	if !w.typed(p, isArray) {
		return false
	}
	n := 0
	for ended := w.next(']'); !ended; n++ {
		if !w.value(p.items, depth+1) {
			return w.within(strconv.Itoa(n))
		}
		if ended = w.next(']'); !ended && !w.next(',') {
			return w.syntax()
		}
	}
	if p.minItems.set && n < p.minItems.n || p.maxItems.set && n > p.maxItems.n {
		return w.fail("%d items, which is out of their limits", n)
	}
	if p.values != nil {
		return w.fail("an array, which is not one of the values that are listed")
	}
	return true
}

func (w *walker) number(p *plan) bool {
	from := w.at
	float, ok := w.digits()
	if !ok {
		return w.syntax()
	}
	text := w.b[from:w.at]
	if (float || len(text) > 15) && !sane(string(text)) {
		return w.fail("a number beyond what a double can be: %s", short(string(text)))
	}
	is := isNumber
	if !float || p.types&(isInteger|isNumber) == isInteger && wholeNumber(text) {
		is |= isInteger
	}
	if !w.typed(p, is) {
		return false
	}
	if p.values != nil {
		return w.fail("%s is not one of the values that are listed", short(string(text)))
	}
	for i := range p.bounds {
		if !p.bounds[i].allows(text) {
			return w.fail("%s, where it must be %s %s", short(string(text)), p.bounds[i].word(), p.bounds[i].rat.RatString())
		}
	}
	return true
}

// digits takes a number off, and says whether it has a fraction or an exponent.
func (w *walker) digits() (float, ok bool) {
	run := func() (n int) {
		for w.at < len(w.b) && w.b[w.at] >= '0' && w.b[w.at] <= '9' {
			w.at++
			n++
		}
		return n
	}
	if w.b[w.at] == '-' {
		w.at++
	}
	from := w.at
	if n := run(); n == 0 || n > 1 && w.b[from] == '0' {
		return false, false
	}
	if w.at < len(w.b) && w.b[w.at] == '.' {
		float, w.at = true, w.at+1
		if run() == 0 {
			return float, false
		}
	}
	if w.at < len(w.b) && w.b[w.at]|0x20 == 'e' {
		float, w.at = true, w.at+1
		if w.at < len(w.b) && (w.b[w.at] == '+' || w.b[w.at] == '-') {
			w.at++
		}
		return float, run() > 0
	}
	return float, true
}

// ratOf is a number, exactly; that it is sane has been seen, or follows from
// its length.
func ratOf(text []byte) *big.Rat {
	if !sane(string(text)) {
		return nil
	}
	r, _ := new(big.Rat).SetString(string(text))
	return r
}

func wholeNumber(text []byte) bool {
	r := ratOf(text)
	return r != nil && r.IsInt()
}

// tens are powers that a double has exactly.
var tens = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14}

// double reads a number of up to 15 characters: its digits are a whole number
// that a double has exactly, and so is what they are divided by, so that the
// result is the nearest double. One with an exponent takes longer.
func double(text []byte) float64 {
	digits, point := 0, -1
	for i, c := range text {
		switch {
		case c >= '0' && c <= '9':
			digits = digits*10 + int(c-'0')
		case c == '.':
			point = i
		case c != '-':
			f, _ := strconv.ParseFloat(string(text), 64) // in range, or infinite
			return f
		}
	}
	f := float64(digits)
	if point >= 0 {
		f /= tens[len(text)-1-point]
	}
	if text[0] == '-' {
		return -f
	}
	return f
}

// word is what a number must be to its limit.
func (b *numberBound) word() string {
	switch {
	case b.over && b.equal:
		return "at least"
	case b.over:
		return "above"
	case b.equal:
		return "at most"
	}
	return "below"
}

// allows compares a number with a limit. Up to 15 digits doubles compare as the
// numbers do.
func (b *numberBound) allows(text []byte) bool {
	var c int
	if len(text) <= 15 && b.exact {
		f := double(text)
		switch {
		case f < b.float:
			c = -1
		case f > b.float:
			c = 1
		}
	} else {
		r := ratOf(text)
		if r == nil {
			return false
		}
		c = r.Cmp(b.rat)
	}
	return c == 0 && b.equal || c > 0 && b.over || c < 0 && !b.over
}
