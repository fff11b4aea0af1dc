package jsonschema

import "bytes"

// others are the names of members that a schema does not know: which of them
// come twice is seen by comparing them, while they are few.
type others struct {
	few   [8][]byte
	n     int
	known map[string]bool
}

// twice notes a name, and says whether it was noted before.
func (o *others) twice(name []byte) bool {
	if o.known != nil {
		if o.known[string(name)] {
			return true
		}
		o.known[string(name)] = true
		return false
	}
	for _, f := range o.few[:o.n] {
		if bytes.Equal(f, name) {
			return true
		}
	}
	if o.n < len(o.few) {
		o.few[o.n] = name
		o.n++
		return false
	}
	o.known = make(map[string]bool, 2*len(o.few))
	for _, f := range o.few {
		o.known[string(f)] = true
	}
	o.known[string(name)] = true
	return false
}

func (w *walker) object(p *plan, depth int) bool {
	w.at++
	if !w.typed(p, isObject) {
		return false
	}
	var rest others
	var seen uint64
	n := 0
	for ended := w.next('}'); !ended; n++ {
		if !w.member(p, &rest, &seen, depth) {
			return false
		}
		if ended = w.next('}'); !ended && !w.next(',') {
			return w.syntax()
		}
	}
	if p.minProperties.set && n < p.minProperties.n || p.maxProperties.set && n > p.maxProperties.n {
		return w.fail("%d properties, which is out of their limits", n)
	}
	if missing := p.required &^ seen; missing != 0 {
		return w.fail("the property %q is missing", p.nameOf(missing))
	}
	if p.values != nil {
		return w.fail("an object, which is not one of the values that are listed")
	}
	return true
}

// nameOf is the first by name of the properties whose bits are set.
func (p *plan) nameOf(bits uint64) (first string) {
	for name, known := range p.properties {
		if known.bit&bits != 0 && (first == "" || name < first) {
			first = name
		}
	}
	return first
}

// member takes a member of an object off, and notes which were seen.
func (w *walker) member(p *plan, rest *others, seen *uint64, depth int) bool {
	if w.space(); w.at == len(w.b) || w.b[w.at] != '"' {
		return w.syntax()
	}
	name, escaped, ok := w.str()
	if !ok {
		return false
	}
	if escaped {
		plain, ok := w.unescaped(name)
		if !ok {
			return false
		}
		name = []byte(plain)
	}
	if !w.next(':') {
		return w.syntax()
	}
	known, isKnown := p.properties[string(name)]
	if isKnown && *seen&known.bit != 0 || !isKnown && rest.twice(name) {
		return w.fail("the member %q is given twice", short(string(name)))
	}
	*seen |= known.bit
	sub := known.plan
	if !isKnown {
		if p.noMore {
			return w.fail("the property %q is not allowed", short(string(name)))
		}
		sub = p.additional
	}
	if !w.value(sub, depth+1) {
		return w.within(string(name))
	}
	return true
}
