package avro

import (
	"fmt"

	"github.com/evidentlog/evident/internal/schema"
	"github.com/evidentlog/evident/internal/schema/jsontext"
)

// Limits of a schema with all that it refers to.
const (
	maxParts    = 100_000 // types, fields, symbols and aliases
	maxName     = 1000    // bytes of a full name
	maxBranches = 1000    // of a union
)

// parser reads the texts of a schema and of what it refers to. Types that are
// named before they are defined are found at the end, as Avro 1.12 does.
type parser struct {
	strict bool // names and defaults as the specification has them
	types  map[string]*node
	// pending are uses of names that had no definition yet.
	pending []use
	// again are types that were defined a second time.
	again [][2]*node
	// unions and defaults can be checked only when all names are known.
	unions   []*node
	defaults []checkDefault
	parts    int
}

// use is a place where a type is named. In lists the first that is defined
// counts.
type use struct {
	names [2]string
	put   func(*node)
}

type checkDefault struct {
	record name
	field  *field
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", schema.ErrInvalid, fmt.Sprintf(format, args...))
}

// count takes part in the limit of parts.
func (p *parser) count(n int) error {
	if p.parts += n; p.parts > maxParts {
		return invalid("more than %d types, fields, symbols and aliases, with all that is referred to", maxParts)
	}
	return nil
}

// parseText reads one text and returns its type, once all of its names are
// known.
func (p *parser) parseText(text string) (root *node, err error) {
	v, err := jsontext.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", schema.ErrInvalid, err)
	}
	if err := p.parse(&v, "", func(n *node) { root = n }); err != nil {
		return nil, err
	}
	return root, p.resolve(&root)
}

// parse reads a type that stands in a namespace and hands it to put: at once,
// or when its name is known.
func (p *parser) parse(v *jsontext.Value, space string, put func(*node)) error {
	if err := p.count(1); err != nil {
		return err
	}
	var n *node
	var err error
	switch v.Kind {
	case jsontext.String:
		return p.reference(v.Text, space, put)
	case jsontext.Array:
		n, err = p.union(v, space)
	case jsontext.Object:
		n, err = p.object(v, space)
	default:
		err = invalid("a type is a name, an object or an array of types, not %s", v.Kind)
	}
	if err == nil {
		put(n)
	}
	return err
}

func (p *parser) reference(s, space string, put func(*node)) error {
	if k, ok := primitives[s]; ok {
		put(&node{kind: k})
		return nil
	}
	if len(s)+len(space) > maxName {
		return invalid("the name %.40q… has more than %d bytes", s, maxName)
	}
	u := use{names: [2]string{newName(s, space).full(), s}, put: put}
	if n := p.lookup(u); n != nil {
		put(n)
		return nil
	}
	p.pending = append(p.pending, u)
	return nil
}

func (p *parser) lookup(u use) *node {
	if n := p.types[u.names[0]]; n != nil {
		return n
	}
	return p.types[u.names[1]]
}

func (p *parser) union(v *jsontext.Value, space string) (*node, error) {
	if len(v.Items) > maxBranches {
		return nil, invalid("a union of %d types, where %d are the most", len(v.Items), maxBranches)
	}
	n := &node{kind: kindUnion, branches: make([]*node, len(v.Items))}
	for i := range v.Items {
		if err := p.parse(&v.Items[i], space, func(b *node) { n.branches[i] = b }); err != nil {
			return nil, err
		}
	}
	p.unions = append(p.unions, n)
	return n, nil
}

func (p *parser) object(v *jsontext.Value, space string) (*node, error) {
	typ := v.Get("type")
	if !typ.IsString() {
		return nil, invalid(`a type has no "type" that is a string: %s`, excerpt(v))
	}
	if k, ok := primitives[typ.Text]; ok {
		return &node{kind: k, props: otherThan(reserved, v.Members)}, nil
	}
	switch typ.Text {
	case "record", "error":
		return p.record(v, space, typ.Text == "error")
	case "enum":
		return p.enum(v, space)
	case "fixed":
		return p.fixed(v, space)
	case "array":
		return p.collection(v, space, kindArray, "items")
	case "map":
		return p.collection(v, space, kindMap, "values")
	}
	return nil, invalid(`"type": %q: it must be a primitive type, or record, error, enum, array, map or fixed`, short(typ.Text))
}

func (p *parser) collection(v *jsontext.Value, space string, k kind, of string) (*node, error) {
	items := v.Get(of)
	if items == nil {
		return nil, invalid("%s has no %q: %s", k, of, excerpt(v))
	}
	n := &node{kind: k, props: otherThan(reserved, v.Members)}
	return n, p.parse(items, space, func(item *node) { n.items = item })
}

// resolve finds the types that were named before they were defined, and checks
// what can be checked only then.
func (p *parser) resolve(root **node) error {
	for _, u := range p.pending {
		n := p.lookup(u)
		if n == nil {
			return invalid("undefined name: %q", u.names[0])
		}
		u.put(n)
	}
	p.pending = nil
	if *root == nil {
		return invalid("the schema is no type")
	}
	same := sameness{}
	for _, pair := range p.again {
		if !same.of(pair[0], pair[1]) {
			return invalid("can't redefine: %s", pair[0].name.full())
		}
	}
	p.again = nil
	return p.checkLate()
}

func (p *parser) checkLate() error {
	for _, u := range p.unions {
		if err := checkUnion(u); err != nil {
			return err
		}
	}
	p.unions = nil
	budget := maxParts
	for _, d := range p.defaults {
		if !p.strict {
			break
		}
		if !fits(d.field.typ, d.field.fallback, &budget) {
			return invalid("invalid default for field %s of %s: %s not a %s", d.field.name, d.record.full(), excerpt(d.field.fallback), d.field.typ.fullName())
		}
	}
	p.defaults = nil
	return nil
}

func checkUnion(u *node) error {
	seen := make(map[string]bool, len(u.branches))
	for _, b := range u.branches {
		name := b.fullName()
		if b.kind == kindUnion {
			return invalid("a union directly within a union")
		}
		if seen[name] {
			return invalid("duplicate in union: %s", name)
		}
		seen[name] = true
	}
	return nil
}

// excerpt is the beginning of a value's text, for messages.
func excerpt(v *jsontext.Value) string {
	return short(string(jsontext.Style{}.Append(nil, v)))
}

func short(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
