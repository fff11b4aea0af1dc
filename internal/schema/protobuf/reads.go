package protobuf

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/evidentlog/evident/internal/schema"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Limits of a comparison.
const (
	maxFindings = 100
	maxDepth    = 100 // of messages in messages, in payloads too
)

// Reads says what may go wrong when s reads what was written with writer, by
// Confluent's rules: fields may come and go and change their names, their
// numbers and kinds may not change.
func (s *Schema) Reads(writer schema.Schema, _ schema.Policy) []schema.Incompatibility {
	w, ok := writer.(*Schema)
	if !ok {
		return []schema.Incompatibility{finding("FIELD_KIND_CHANGED", "#/")}
	}
	c := &comparison{old: imported(w), new: imported(s), seen: map[pair]bool{}}
	if w.file.Package() != s.file.Package() {
		c.add(nil, "PACKAGE_CHANGED")
	}
	c.types(nil, w.file.Messages(), s.file.Messages())
	return c.found
}

type message = protoreflect.MessageDescriptor

type pair struct{ old, new protoreflect.FullName }

// comparison compares two files, and messages of those that they import.
type comparison struct {
	// References by the path of the file that they are.
	old, new map[string]schema.Reference
	// seen are messages that were compared, or are being.
	seen  map[pair]bool
	found []schema.Incompatibility
}

func imported(s *Schema) map[string]schema.Reference {
	refs := map[string]schema.Reference{main: {}}
	for _, r := range s.references {
		refs[r.Name] = r
	}
	return refs
}

func (c *comparison) add(path []string, typ string) {
	if len(c.found) < maxFindings {
		c.found = append(c.found, finding(typ, "#/"+strings.Join(path, "/")))
	}
}

func at(path []string, step string) []string { return append(slices.Clip(path), step) }

// types compares messages by name. Enums may change in any way.
func (c *comparison) types(path []string, old, new protoreflect.MessageDescriptors) {
	for i := range old.Len() {
		m := old.Get(i)
		if m.IsMapEntry() {
			continue
		}
		here := at(path, string(m.Name()))
		if n := new.ByName(m.Name()); n != nil {
			c.messages(here, m, n)
		} else {
			c.add(here, "MESSAGE_REMOVED")
		}
	}
}

func (c *comparison) messages(path []string, old, new message) {
	p := pair{old.FullName(), new.FullName()}
	if c.seen[p] {
		return
	}
	c.seen[p] = true
	c.exclusive(path, old, new)
	for _, number := range numbersOf(old, new) {
		c.number(path, old, new, number)
	}
	c.types(path, old.Messages(), new.Messages())
}

func numbersOf(old, new message) []protoreflect.FieldNumber {
	all := map[protoreflect.FieldNumber]bool{}
	for _, m := range []message{old, new} {
		for i := range m.Fields().Len() {
			all[m.Fields().Get(i).Number()] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// oneofOf is the oneof that a field was declared in.
func oneofOf(f protoreflect.FieldDescriptor) protoreflect.OneofDescriptor {
	if o := f.ContainingOneof(); o != nil && !o.IsSynthetic() {
		return o
	}
	return nil
}

// exclusive finds fields that could be set together, and cannot any more.
func (c *comparison) exclusive(path []string, old, new message) {
	for i := range new.Oneofs().Len() {
		o := new.Oneofs().Get(i)
		if o.IsSynthetic() {
			continue
		}
		origins, moved := map[string]bool{}, 0
		for j := range o.Fields().Len() {
			number := o.Fields().Get(j).Number()
			was := old.Fields().ByNumber(number)
			switch {
			case was == nil: // nobody has set it
			case oneofOf(was) != nil:
				origins["oneof "+string(oneofOf(was).Name())] = true
			default:
				origins[strconv.Itoa(int(number))] = true
				moved++
			}
		}
		switch {
		case len(origins) < 2:
		case moved > 1:
			c.add(at(path, string(o.Name())), "MULTIPLE_FIELDS_MOVED_TO_ONEOF")
		default:
			c.add(at(path, string(o.Name())), "FIELD_MOVED_TO_EXISTING_ONEOF")
		}
	}
}

// number compares what a number of a message stands for.
func (c *comparison) number(path []string, old, new message, number protoreflect.FieldNumber) {
	was, is := old.Fields().ByNumber(number), new.Fields().ByNumber(number)
	step := strconv.Itoa(int(number))
	switch {
	case is == nil:
		if o := oneofOf(was); o != nil {
			if survives(o, new) {
				c.add(at(at(path, string(o.Name())), step), "ONEOF_FIELD_REMOVED")
			}
		} else if was.Cardinality() == protoreflect.Required {
			c.add(at(path, step), "REQUIRED_FIELD_REMOVED")
		}
	case was == nil:
		if is.Cardinality() == protoreflect.Required {
			c.add(at(path, step), "REQUIRED_FIELD_ADDED")
		}
	default:
		if o := oneofOf(is); o != nil {
			path = at(path, string(o.Name()))
		}
		c.fields(at(path, step), was, is)
	}
}

// survives says whether a oneof is still there, or one of its fields is.
func survives(o protoreflect.OneofDescriptor, in message) bool {
	if now := in.Oneofs().ByName(o.Name()); now != nil && !now.IsSynthetic() {
		return true
	}
	for i := range o.Fields().Len() {
		if in.Fields().ByNumber(o.Fields().Get(i).Number()) != nil {
			return true
		}
	}
	return false
}

func (c *comparison) fields(path []string, old, new protoreflect.FieldDescriptor) {
	switch {
	case kindOf(old) != kindOf(new):
		c.add(path, "FIELD_KIND_CHANGED")
	case old.IsMap():
		c.fields(path, old.MapKey(), new.MapKey())
		c.fields(path, old.MapValue(), new.MapValue())
	case old.Message() != nil:
		c.named(path, old.Message(), new.Message())
	case groupOf(old) != groupOf(new):
		c.add(path, "FIELD_SCALAR_KIND_CHANGED")
	case groupOf(old) != groupText && labelled(old) && labelled(new) && old.Cardinality() != new.Cardinality():
		c.add(path, "FIELD_NUMERIC_LABEL_CHANGED")
	}
}

// named compares types of fields by name, and their content if it is not
// compared anyway, or known to be the same.
func (c *comparison) named(path []string, old, new message) {
	if local(old) != local(new) {
		c.add(path, "FIELD_NAMED_TYPE_CHANGED")
		return
	}
	was, known := c.old[old.ParentFile().Path()]
	is, stillKnown := c.new[new.ParentFile().Path()]
	if known && stillKnown && was.Subject == is.Subject && was.Version == is.Version || old.ParentFile() == new.ParentFile() {
		return
	}
	before := len(c.found)
	c.messages(strings.Split(local(new), "."), old, new)
	if len(c.found) > before {
		c.add(path, "FIELD_NAMED_TYPE_CHANGED")
	}
}

// local is the name of a message without its package.
func local(m message) string {
	return strings.TrimPrefix(strings.TrimPrefix(string(m.FullName()), string(m.ParentFile().Package())), ".")
}

// kindOf tells scalars and enums, messages, and maps apart.
func kindOf(f protoreflect.FieldDescriptor) string {
	switch {
	case f.IsMap():
		return "map"
	case f.Message() != nil:
		return "message"
	}
	return "scalar"
}

const groupText = "text"

// groupOf is the group of scalar kinds that can be read for one another.
func groupOf(f protoreflect.FieldDescriptor) string {
	switch k := f.Kind(); k {
	case protoreflect.Int32Kind, protoreflect.Int64Kind, protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.BoolKind, protoreflect.EnumKind:
		return "varint"
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return "zigzag"
	case protoreflect.StringKind, protoreflect.BytesKind:
		return groupText
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		return "fixed32"
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return "fixed64"
	default:
		return k.String() // float, double
	}
}

// labelled says whether a field has a label: proto3 does without.
func labelled(f protoreflect.FieldDescriptor) bool {
	return f.Cardinality() != protoreflect.Optional || f.HasOptionalKeyword() || f.Syntax() == protoreflect.Proto2
}
