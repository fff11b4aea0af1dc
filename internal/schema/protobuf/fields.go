package protobuf

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

type fieldProto = descriptorpb.FieldDescriptorProto

// fields writes the fields of a message, those of its oneofs, and its groups.
// It returns the names of the messages that are groups.
func (p *printer) fields(in scope, m *descriptorpb.DescriptorProto) map[string]bool {
	var plain, groups []*fieldProto
	oneofs := make([][]*fieldProto, len(m.OneofDecl))
	names := map[string]bool{}
	for _, f := range m.Field {
		switch {
		case f.GetType() == descriptorpb.FieldDescriptorProto_TYPE_GROUP:
			names[last(f.GetTypeName())] = true
			if f.OneofIndex == nil {
				groups = append(groups, f)
			} else {
				oneofs[f.GetOneofIndex()] = append(oneofs[f.GetOneofIndex()], f)
			}
		case f.OneofIndex != nil && !f.GetProto3Optional():
			oneofs[f.GetOneofIndex()] = append(oneofs[f.GetOneofIndex()], f)
		default:
			plain = append(plain, f)
		}
	}
	p.each(in, m, plain)
	p.oneofs(in, m, oneofs)
	p.each(in, m, groups)
	return names
}

// each writes fields after an empty line.
func (p *printer) each(in scope, m *descriptorpb.DescriptorProto, fields []*fieldProto) {
	if len(fields) > 0 {
		p.blank()
	}
	for _, f := range p.sorted(fields) {
		p.field(in, m, f, linkedField(in, f))
	}
}

func linkedField(in scope, f *fieldProto) protoreflect.FieldDescriptor {
	if in.message == nil {
		return nil
	}
	return in.message.Fields().ByNumber(protoreflect.FieldNumber(f.GetNumber()))
}

func (p *printer) sorted(fields []*fieldProto) []*fieldProto {
	if p.normal == nil {
		return fields
	}
	fields = slices.Clone(fields)
	slices.SortFunc(fields, func(a, b *fieldProto) int { return cmp.Compare(a.GetNumber(), b.GetNumber()) })
	return fields
}

func (p *printer) oneofs(in scope, m *descriptorpb.DescriptorProto, members [][]*fieldProto) {
	order := make([]int, 0, len(members))
	for i := range members {
		if members[i] = p.sorted(members[i]); len(members[i]) > 0 {
			order = append(order, i)
		}
	}
	if p.normal != nil {
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(members[a][0].GetNumber(), members[b][0].GetNumber()) })
	}
	if len(order) > 0 {
		p.blank()
	}
	for _, i := range order {
		p.body("oneof "+m.OneofDecl[i].GetName(), func() {
			p.section(p.options(m.OneofDecl[i].Options))
			p.each(in, m, members[i])
		})
	}
}

// field writes a field of a message, or an extension, for which in is where it
// is declared.
func (p *printer) field(in scope, m *descriptorpb.DescriptorProto, f *fieldProto, linked protoreflect.FieldDescriptor) {
	label := labelOf(f)
	if entry := mapEntryOf(m, f); entry != nil {
		p.line("map<%s, %s> %s = %d%s;", p.typeOf(entry.Field[0], nil), p.typeOf(entry.Field[1], valueOf(linked)), f.GetName(), f.GetNumber(), p.bracketed(p.fieldOptions(f)))
		return
	}
	if f.GetType() == descriptorpb.FieldDescriptorProto_TYPE_GROUP && m != nil {
		for i, n := range m.NestedType {
			if n.GetName() == last(f.GetTypeName()) {
				p.block(in.messageAt(i), n, fmt.Sprintf("%sgroup %s = %d", label, n.GetName(), f.GetNumber()))
			}
		}
		return
	}
	p.line("%s%s %s = %d%s;", label, p.typeOf(f, linked), f.GetName(), f.GetNumber(), p.bracketed(p.fieldOptions(f)))
}

func valueOf(linked protoreflect.FieldDescriptor) protoreflect.FieldDescriptor {
	if linked == nil {
		return nil
	}
	return linked.MapValue()
}

// labelOf is the label that the author has written.
func labelOf(f *fieldProto) string {
	if f.OneofIndex != nil && !f.GetProto3Optional() {
		return ""
	}
	switch f.GetLabel() {
	case descriptorpb.FieldDescriptorProto_LABEL_REQUIRED:
		return "required "
	case descriptorpb.FieldDescriptorProto_LABEL_REPEATED:
		return "repeated "
	}
	if f.Label == nil {
		return ""
	}
	return "optional "
}

// mapEntryOf finds the message that stands for the entries of a map.
func mapEntryOf(m *descriptorpb.DescriptorProto, f *fieldProto) *descriptorpb.DescriptorProto {
	if m == nil || f.GetLabel() != descriptorpb.FieldDescriptorProto_LABEL_REPEATED || f.TypeName == nil {
		return nil
	}
	for _, n := range m.NestedType {
		if n.GetOptions().GetMapEntry() && n.GetName() == last(f.GetTypeName()) && len(n.Field) == 2 {
			return n
		}
	}
	return nil
}

func last(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// typeOf is the type of a field: as the author has named it, or in full.
func (p *printer) typeOf(f *fieldProto, linked protoreflect.FieldDescriptor) string {
	if f.TypeName == nil {
		return strings.ToLower(strings.TrimPrefix(f.GetType().String(), "TYPE_"))
	}
	switch {
	case linked == nil:
	case linked.Message() != nil:
		return "." + string(linked.Message().FullName())
	case linked.Enum() != nil:
		return "." + string(linked.Enum().FullName())
	}
	return f.GetTypeName()
}

// extensions writes those that are declared in a file or message, together if
// they follow one another and extend the same message.
func (p *printer) extensions(in scope, list []*fieldProto, m *descriptorpb.DescriptorProto) {
	if len(list) > 0 {
		p.blank()
	}
	linked := in.extensions()
	for i := 0; i < len(list); {
		of, from := list[i].GetExtendee(), i
		for i < len(list) && list[i].GetExtendee() == of {
			i++
		}
		if linked != nil {
			of = "." + string(linked.Get(from).ContainingMessage().FullName())
		}
		p.body("extend "+of, func() {
			p.blank()
			for j := from; j < i; j++ {
				var l protoreflect.FieldDescriptor
				if linked != nil {
					l = linked.Get(j)
				}
				p.field(in, m, list[j], l)
			}
		})
	}
}
