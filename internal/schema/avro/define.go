package avro

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/evidentlog/evident/internal/schema/jsontext"
)

// What Avro gives a meaning to; the rest are an author's own properties.
var (
	reserved      = []string{"doc", "fields", "items", "name", "namespace", "size", "symbols", "values", "type", "aliases"}
	reservedEnum  = append(slices.Clone(reserved), "default")
	reservedField = []string{"default", "doc", "name", "order", "type", "aliases"}
)

func otherThan(reserved []string, members []jsontext.Member) (props []jsontext.Member) {
	for _, m := range members {
		if !slices.Contains(reserved, m.Name) {
			props = append(props, m)
		}
	}
	return props
}

// define makes a type that has a name. What it consists of comes afterwards;
// add makes it known.
func (p *parser) define(v *jsontext.Value, space string, k kind, reserved []string) (*node, error) {
	given := v.Get("name")
	if !given.IsString() {
		return nil, invalid("%s has no name: %s", k, excerpt(v))
	}
	if ns := v.Get("namespace"); ns.IsString() {
		space = ns.Text
	}
	n := &node{kind: k, name: newName(given.Text, space), doc: text(v.Get("doc")), props: otherThan(reserved, v.Members)}
	if err := p.checkName(n.name); err != nil {
		return nil, err
	}
	aliases, err := p.aliases(v)
	if err != nil {
		return nil, err
	}
	for _, a := range aliases {
		alias := newName(a, n.name.space)
		if err := p.checkWord(alias.short, alias.full()); err != nil {
			return nil, err
		}
		if !slices.Contains(n.aliases, alias) {
			n.aliases = append(n.aliases, alias)
		}
	}
	return n, nil
}

func (p *parser) add(n *node) {
	full := n.name.full()
	if first := p.types[full]; first != nil {
		p.again = append(p.again, [2]*node{first, n})
		return
	}
	p.types[full] = n
}

func text(v *jsontext.Value) *string {
	if !v.IsString() {
		return nil
	}
	return &v.Text
}

func (p *parser) checkName(n name) error {
	full := n.full()
	if len(full) > maxName {
		return invalid("the name %s has %d bytes, and may have %d", short(full), len(full), maxName)
	}
	if _, ok := primitives[full]; ok {
		return invalid("a type may not be named %s, as a primitive type is", full)
	}
	if p.strict && n.space != "" {
		for part := range strings.SplitSeq(n.space, ".") {
			if err := p.checkWord(part, full); err != nil {
				return err
			}
		}
	}
	return p.checkWord(n.short, full)
}

// checkWord holds a name without dots to the specification, or, for schemas
// that are in a topic already, to letters of any script.
func (p *parser) checkWord(s, whole string) error {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || !p.strict && unicode.IsLetter(r)
		digit := r >= '0' && r <= '9' || !p.strict && unicode.IsDigit(r)
		if !letter && (i == 0 || !digit) {
			return invalid("the name %q has %q, where letters, digits and _ may stand, and no digit first", short(whole), r)
		}
	}
	if s == "" {
		return invalid("the name %q is empty, or ends with a dot", short(whole))
	}
	if len(s) > maxName {
		return invalid("the name %s has %d bytes, and may have %d", short(s), len(s), maxName)
	}
	return nil
}

func (p *parser) aliases(v *jsontext.Value) (aliases []string, err error) {
	list := v.Get("aliases")
	if list == nil {
		return nil, nil
	}
	if list.Kind != jsontext.Array {
		return nil, invalid("aliases are not an array: %s", excerpt(list))
	}
	seen := map[string]bool{}
	for i := range list.Items {
		a := &list.Items[i]
		if a.Kind != jsontext.String || len(a.Text) > maxName {
			return nil, invalid("an alias is not a string of up to %d bytes: %s", maxName, excerpt(a))
		}
		if !seen[a.Text] {
			seen[a.Text] = true
			aliases = append(aliases, a.Text)
		}
	}
	return aliases, p.count(len(aliases))
}

func (p *parser) record(v *jsontext.Value, space string, isError bool) (*node, error) {
	n, err := p.define(v, space, kindRecord, reserved)
	if err != nil {
		return nil, err
	}
	n.isError = isError
	fields := v.Get("fields")
	if fields == nil || fields.Kind != jsontext.Array {
		return nil, invalid("record %s has no fields", n.name.full())
	}
	n.fields = make([]field, len(fields.Items))
	n.byName = make(map[string]*field, len(fields.Items))
	for i := range n.fields {
		f := &n.fields[i]
		if err := p.field(f, &fields.Items[i], n.name); err != nil {
			return nil, err
		}
		if n.byName[f.name] != nil {
			return nil, invalid("duplicate field %s in record %s", f.name, n.name.full())
		}
		n.byName[f.name] = f
	}
	p.add(n)
	return n, nil
}

func (p *parser) field(f *field, v *jsontext.Value, record name) error {
	given, typ := v.Get("name"), v.Get("type")
	if !given.IsString() || typ == nil {
		return invalid("a field of record %s has no name or no type: %s", record.full(), excerpt(v))
	}
	if err := p.checkWord(given.Text, given.Text); err != nil {
		return err
	}
	*f = field{name: given.Text, doc: text(v.Get("doc")), fallback: v.Get("default"), props: otherThan(reservedField, v.Members)}
	if err := p.count(1); err != nil {
		return err
	}
	if err := p.parse(typ, record.space, func(n *node) { f.typ = n }); err != nil {
		return err
	}
	if err := f.setOrder(v.Get("order")); err != nil {
		return err
	}
	var err error
	if f.aliases, err = p.aliases(v); err != nil {
		return err
	}
	if f.fallback != nil {
		f.fallback, err = floating(typ, f.fallback)
		p.defaults = append(p.defaults, checkDefault{record, f})
	}
	return err
}

func (f *field) setOrder(v *jsontext.Value) error {
	if v == nil {
		return nil
	}
	order := strings.ToLower(v.Text)
	if v.Kind != jsontext.String || !slices.Contains([]string{"ascending", "descending", "ignore"}, order) {
		return invalid("order of field %s: %s: it must be ascending, descending or ignore", f.name, excerpt(v))
	}
	if order != "ascending" {
		f.order = order
	}
	return nil
}

// floating reads a default of a floating-point field that is given as a string,
// as NaN has to be.
func floating(typ, v *jsontext.Value) (*jsontext.Value, error) {
	if object := typ.Get("type"); object != nil {
		typ = object
	}
	if v.Kind != jsontext.String || typ.Kind != jsontext.String || typ.Text != "float" && typ.Text != "double" {
		return v, nil
	}
	s := strings.TrimSpace(v.Text)
	if _, err := strconv.ParseFloat(s, 64); err != nil && !strings.Contains(err.Error(), "range") {
		return nil, invalid("default %q of a %s is no number", short(s), typ.Text)
	}
	return &jsontext.Value{Kind: jsontext.Float, Text: s}, nil
}

func (p *parser) enum(v *jsontext.Value, space string) (*node, error) {
	n, err := p.define(v, space, kindEnum, reservedEnum)
	if err != nil {
		return nil, err
	}
	symbols := v.Get("symbols")
	if symbols == nil || symbols.Kind != jsontext.Array {
		return nil, invalid("enum %s has no symbols", n.name.full())
	}
	if err := p.count(len(symbols.Items)); err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(symbols.Items))
	for i := range symbols.Items {
		s := &symbols.Items[i]
		if s.Kind != jsontext.String || seen[s.Text] {
			return nil, invalid("enum %s: symbol %s is not a string, or there twice", n.name.full(), excerpt(s))
		}
		if err := p.checkWord(s.Text, s.Text); err != nil {
			return nil, err
		}
		seen[s.Text] = true
		n.symbols = append(n.symbols, s.Text)
	}
	n.fallback = text(v.Get("default"))
	if n.fallback != nil && !seen[*n.fallback] {
		return nil, invalid("enum %s: its default %q is not one of its symbols", n.name.full(), short(*n.fallback))
	}
	p.add(n)
	return n, nil
}

func (p *parser) fixed(v *jsontext.Value, space string) (*node, error) {
	n, err := p.define(v, space, kindFixed, reserved)
	if err != nil {
		return nil, err
	}
	size := v.Get("size")
	if size == nil || size.Kind != jsontext.Int {
		return nil, invalid("fixed %s has no size that is a whole number", n.name.full())
	}
	s, err := strconv.ParseInt(size.Text, 10, 32)
	if err != nil || s < 0 {
		return nil, invalid("fixed %s: size %s is not within 0 and %d", n.name.full(), short(size.Text), 1<<31-1)
	}
	n.size = int(s)
	p.add(n)
	return n, nil
}
