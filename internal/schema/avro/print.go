package avro

import (
	"slices"
	"strconv"
	"strings"

	"github.com/evidentlog/evident/internal/schema/jsontext"
)

// maxPrinted is the longest text that a schema is printed as. What was read may
// become longer: names are written with their namespaces.
const maxPrinted = 2 * jsontext.MaxBytes

// printer writes a schema as Avro's library for Java does, which is what
// Confluent's registry stores: attributes in a fixed order, the author's own
// properties after them in his order, each named type where it is first used.
type printer struct {
	b []byte
	// known are names that were written, or are known otherwise.
	known map[string]bool
	// normal sorts what has no order: properties, aliases, members of defaults.
	normal bool
}

func (p *printer) style() jsontext.Style { return jsontext.Style{Sorted: p.normal, Doubles: true} }

func (p *printer) node(n *node, space string) {
	if len(p.b) > maxPrinted {
		return
	}
	switch n.kind {
	case kindRecord, kindEnum, kindFixed:
		p.named(n, space)
	case kindArray, kindMap:
		p.open(n.kind.String())
		p.key(map[kind]string{kindArray: "items", kindMap: "values"}[n.kind])
		p.node(n.items, space)
		p.close(n)
	case kindUnion:
		p.b = append(p.b, '[')
		for i, b := range n.branches {
			p.comma(i)
			p.node(b, space)
		}
		p.b = append(p.b, ']')
	default:
		if len(n.props) == 0 {
			p.b = jsontext.AppendString(p.b, n.kind.String())
			return
		}
		p.open(n.kind.String())
		p.close(n)
	}
}

func (p *printer) comma(i int) {
	if i > 0 {
		p.b = append(p.b, ',')
	}
}

func (p *printer) open(typ string) {
	p.b = append(p.b, `{"type":`...)
	p.b = jsontext.AppendString(p.b, typ)
}

func (p *printer) key(k string) {
	p.b = append(p.b, ',')
	p.b = jsontext.AppendString(p.b, k)
	p.b = append(p.b, ':')
}

func (p *printer) member(k, v string) {
	p.key(k)
	p.b = jsontext.AppendString(p.b, v)
}

func (p *printer) strings(k string, list []string) {
	p.key(k)
	p.b = append(p.b, '[')
	for i, s := range list {
		p.comma(i)
		p.b = jsontext.AppendString(p.b, s)
	}
	p.b = append(p.b, ']')
}

// close writes properties and ends the object.
func (p *printer) close(n *node) {
	props := n.props
	if p.normal {
		props = normalProps(n)
	}
	p.props(props)
	if len(n.aliases) > 0 {
		p.strings("aliases", p.aliases(n))
	}
	p.b = append(p.b, '}')
}

func (p *printer) props(props []jsontext.Member) {
	for i := range props {
		p.key(props[i].Name)
		p.b = p.style().Append(p.b, &props[i].Value)
	}
}

func (p *printer) aliases(n *node) []string {
	aliases := slices.Clone(n.aliases)
	if p.normal {
		slices.SortFunc(aliases, func(a, b name) int { return strings.Compare(a.full(), b.full()) })
	}
	written := make([]string, len(aliases))
	for i, a := range aliases {
		written[i] = a.within(n.name.space)
	}
	return written
}

func (p *printer) named(n *node, space string) {
	full := n.name.full()
	if p.known[full] {
		p.b = jsontext.AppendString(p.b, n.name.within(space))
		return
	}
	p.known[full] = true
	typ := n.kind.String()
	if n.isError && !p.normal {
		typ = "error"
	}
	p.open(typ)
	p.member("name", n.name.short)
	if n.name.space != space {
		p.member("namespace", n.name.space)
	}
	if n.doc != nil && (*n.doc != "" || !p.normal) {
		p.member("doc", *n.doc)
	}
	switch n.kind {
	case kindRecord:
		p.fields(n)
	case kindEnum:
		p.strings("symbols", n.symbols)
		if n.fallback != nil {
			p.member("default", *n.fallback)
		}
	case kindFixed:
		p.key("size")
		p.b = strconv.AppendInt(p.b, int64(n.size), 10)
	}
	p.close(n)
}

func (p *printer) fields(n *node) {
	p.key("fields")
	p.b = append(p.b, '[')
	for i := range n.fields {
		p.comma(i)
		p.field(&n.fields[i], n.name.space)
	}
	p.b = append(p.b, ']')
}

func (p *printer) field(f *field, space string) {
	p.b = append(p.b, `{"name":`...)
	p.b = jsontext.AppendString(p.b, f.name)
	p.key("type")
	p.node(f.typ, space)
	if f.doc != nil {
		p.member("doc", *f.doc)
	}
	if f.fallback != nil {
		p.key("default")
		p.fallback(f)
	}
	if f.order != "" {
		p.member("order", f.order)
	}
	aliases, props := f.aliases, f.props
	if p.normal {
		aliases, props = slices.Sorted(slices.Values(aliases)), jsontext.Sorted(props)
	}
	if len(aliases) > 0 {
		p.strings("aliases", aliases)
	}
	p.props(props)
	p.b = append(p.b, '}')
}

func (p *printer) fallback(f *field) {
	v := f.fallback
	if p.normal {
		v = asTyped(v, f.typ)
	}
	p.b = p.style().Append(p.b, v)
}

// asTyped makes whole numbers that stand for a float or a double floating, as
// they are once they have been read as a value of their type.
func asTyped(v *jsontext.Value, n *node) *jsontext.Value {
	switch {
	case n.kind == kindUnion:
		for _, b := range n.branches {
			budget := maxParts
			if b.kind != kindNull && fits(b, v, &budget) {
				return asTyped(v, b)
			}
		}
	case v.Kind == jsontext.Int && (n.kind == kindFloat || n.kind == kindDouble):
		return &jsontext.Value{Kind: jsontext.Float, Text: v.Text}
	case n.kind == kindArray || n.kind == kindMap || n.kind == kindRecord:
		return eachTyped(v, n)
	}
	return v
}

func eachTyped(v *jsontext.Value, n *node) *jsontext.Value {
	c := jsontext.Value{Kind: v.Kind, Text: v.Text, Items: slices.Clone(v.Items), Members: slices.Clone(v.Members)}
	if n.kind == kindArray {
		for i := range c.Items {
			c.Items[i] = *asTyped(&c.Items[i], n.items)
		}
	}
	for i := range c.Members {
		m := &c.Members[i]
		if n.kind == kindMap {
			m.Value = *asTyped(&m.Value, n.items)
		} else if f := n.byName[m.Name]; f != nil {
			m.Value = *asTyped(&m.Value, f.typ)
		}
	}
	return &c
}
