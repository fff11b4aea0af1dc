package avro

import (
	"strings"

	"github.com/evidentlog/evident/internal/schema/jsontext"
)

// kind is one of Avro's types.
type kind uint8

const (
	kindNull kind = iota
	kindBoolean
	kindInt
	kindLong
	kindFloat
	kindDouble
	kindBytes
	kindString
	kindRecord
	kindEnum
	kindArray
	kindMap
	kindFixed
	kindUnion
)

var kindNames = [...]string{
	"null", "boolean", "int", "long", "float", "double", "bytes", "string",
	"record", "enum", "array", "map", "fixed", "union",
}

func (k kind) String() string { return kindNames[k] }

// shout is the kind as messages have it.
func (k kind) shout() string { return strings.ToUpper(kindNames[k]) }

// primitives are the kinds that need no definition.
var primitives = map[string]kind{
	"null": kindNull, "boolean": kindBoolean, "int": kindInt, "long": kindLong,
	"float": kindFloat, "double": kindDouble, "bytes": kindBytes, "string": kindString,
}

// node is a type within a schema. Types form a graph: a record may contain
// itself. It does not change once the schema has been read.
type node struct {
	kind kind
	// props are what the author said beyond what Avro defines, in order.
	props []jsontext.Member

	// Of records, enums and fixed.
	name    name
	doc     *string
	aliases []name
	isError bool // a record that was declared as "error"

	fields   []field           // of a record
	byName   map[string]*field // the same
	symbols  []string          // of an enum
	fallback *string           // of an enum: its default
	size     int               // of a fixed
	items    *node             // of an array, and of a map
	branches []*node           // of a union

	// least is how many bytes a value of this type takes at least: 0 only if
	// it never takes any.
	least int
}

// field is a field of a record.
type field struct {
	name     string
	typ      *node
	doc      *string
	fallback *jsontext.Value // its default
	order    string
	aliases  []string
	props    []jsontext.Member
}

// named says whether types of the kind have names, and are defined once.
func (k kind) named() bool { return k == kindRecord || k == kindEnum || k == kindFixed }

// fullName is what tells the branches of a union apart.
func (n *node) fullName() string {
	if n.kind.named() {
		return n.name.full()
	}
	return n.kind.String()
}

// name is the name of a type. The space is empty for one without namespace.
type name struct {
	space, short string
}

// newName reads a name as it stands in a schema: with dots it brings its own
// namespace, without it has that of what is around it.
func newName(s, space string) name {
	if dot := strings.LastIndexByte(s, '.'); dot >= 0 {
		return name{s[:dot], s[dot+1:]}
	}
	return name{space, s}
}

func (n name) full() string {
	if n.space == "" {
		return n.short
	}
	return n.space + "." + n.short
}

// within is the name as it is written in a namespace: short if that says
// enough. A short name that is also that of a kind does not.
func (n name) within(space string) string {
	if n.space != "" && n.space == space && !n.isKind() {
		return n.short
	}
	return n.full()
}

func (n name) isKind() bool {
	for _, k := range kindNames {
		if n.short == k {
			return true
		}
	}
	return false
}
