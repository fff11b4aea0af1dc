package wire

import "math"

// kind is how a field is laid out.
type kind uint8

const (
	kindFixed    kind = iota // size bytes
	kindString               // int16 length, or uvarint length+1 when flexible
	kindBytes                // int32 length, or uvarint length+1 when flexible
	kindArray                // int32 count, or uvarint count+1 when flexible, then elements
	kindOptional             // int8, -1 for null, then a struct
	kindTagged               // only within a flexible message's tag section
	maxVersion   = math.MaxInt16
	maxTagsInAll = 256 // of one request; clients send a handful
)

// field is one field of a schema, present from version first to last.
type field struct {
	kind        kind
	nullable    bool
	size        int // kindFixed
	first, last int16
	tag         uint32  // kindTagged
	elems       []field // kindArray: the element's fields; kindTagged: the value's; kindOptional: the struct's
	plain       bool    // kindArray: elements are values, not structs, and carry no tags of their own
}

func fixed(size int) field { return field{kind: kindFixed, size: size, last: maxVersion} }

// The Kafka protocol's own types.
var (
	i8             = fixed(1)
	i16            = fixed(2)
	i32            = fixed(4)
	i64            = fixed(8)
	boolean        = fixed(1)
	uuid           = fixed(16)
	str            = field{kind: kindString, last: maxVersion}
	nullableString = field{kind: kindString, nullable: true, last: maxVersion}
	// data is bytes or records. The codec reads null as empty or nil, so null is let through.
	data = field{kind: kindBytes, nullable: true, last: maxVersion}
)

// structs is an array of structs.
func structs(elems ...field) field {
	return field{kind: kindArray, nullable: true, elems: elems, last: maxVersion}
}

// values is an array of one plain type.
func values(elem field) field {
	return field{kind: kindArray, nullable: true, elems: []field{elem}, plain: true, last: maxVersion}
}

// optional is a struct that may be null.
func optional(elems ...field) field {
	return field{kind: kindOptional, elems: elems, last: maxVersion}
}

// tagged is an optional field of a flexible version. A struct value ends in
// tags of its own: give it as structTag.
func tagged(tag uint32, value field) field {
	return field{kind: kindTagged, tag: tag, elems: []field{value}, plain: true, last: maxVersion}
}

func structTag(tag uint32, elems ...field) field {
	return field{kind: kindTagged, tag: tag, elems: elems, last: maxVersion}
}

func since(v int16, f field) field { f.first = v; return f }
func until(v int16, f field) field { f.last = v; return f }

func between(first, last int16, f field) field {
	f.first, f.last = first, last
	return f
}

func (f *field) in(version int16) bool { return f.first <= version && version <= f.last }
