package protobuf

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// options are the options that are set, each as "name = value". Those that the
// author wrote are as he wrote them; those of a descriptor as they were read.
func (p *printer) options(m proto.Message) (list []string) {
	r := m.ProtoReflect()
	if !r.IsValid() {
		return nil
	}
	r.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Name() == "uninterpreted_option":
			for i := range v.List().Len() {
				list = append(list, written(v.List().Get(i).Message().Interface().(*descriptorpb.UninterpretedOption)))
			}
		case f.Name() == "map_entry":
		case f.IsList():
			for i := range v.List().Len() {
				list = append(list, optionName(f)+" = "+optionValue(f, v.List().Get(i)))
			}
		default:
			list = append(list, optionName(f)+" = "+optionValue(f, v))
		}
		return true
	})
	if p.normal != nil || !hasUninterpreted(r) {
		slices.Sort(list) // a descriptor's have no order
	}
	return list
}

func hasUninterpreted(r protoreflect.Message) bool {
	f := r.Descriptor().Fields().ByName("uninterpreted_option")
	return f != nil && r.Has(f)
}

// fieldOptions has the default and the JSON name of a field too.
func (p *printer) fieldOptions(f *fieldProto) []string {
	var list, special []string
	for _, o := range p.options(f.Options) {
		if strings.HasPrefix(o, "default = ") || strings.HasPrefix(o, "json_name = ") {
			special = append(special, o)
		} else {
			list = append(list, o)
		}
	}
	slices.Sort(special)
	if f.DefaultValue != nil {
		value := f.GetDefaultValue()
		if t := f.GetType(); t == descriptorpb.FieldDescriptorProto_TYPE_STRING {
			value = quote(value)
		} else if t == descriptorpb.FieldDescriptorProto_TYPE_BYTES {
			value = `"` + value + `"` // it is escaped in descriptors
		}
		special = append(special, "default = "+value)
	}
	if f.JsonName != nil {
		special = append(special, "json_name = "+quote(f.GetJsonName()))
	}
	return append(list, special...)
}

// bracketed is how options stand behind what they are about: in one line if
// there is one.
func (p *printer) bracketed(options []string) string {
	switch len(options) {
	case 0:
		return ""
	case 1:
		return " [" + options[0] + "]"
	}
	indent := strings.Repeat("  ", p.level)
	return " [\n" + indent + "  " + strings.Join(options, ",\n"+indent+"  ") + "\n" + indent + "]"
}

func written(o *descriptorpb.UninterpretedOption) string {
	var name strings.Builder
	for i, part := range o.Name {
		if i > 0 {
			name.WriteByte('.')
		}
		if part.GetIsExtension() {
			name.WriteString("(" + part.GetNamePart() + ")")
		} else {
			name.WriteString(part.GetNamePart())
		}
	}
	return name.String() + " = " + writtenValue(o)
}

func writtenValue(o *descriptorpb.UninterpretedOption) string {
	switch {
	case o.IdentifierValue != nil:
		return o.GetIdentifierValue()
	case o.PositiveIntValue != nil:
		return strconv.FormatUint(o.GetPositiveIntValue(), 10)
	case o.NegativeIntValue != nil:
		return strconv.FormatInt(o.GetNegativeIntValue(), 10)
	case o.DoubleValue != nil:
		return double(o.GetDoubleValue(), 64)
	case o.AggregateValue != nil:
		return "{ " + o.GetAggregateValue() + " }"
	}
	return quote(string(o.StringValue))
}

func double(f float64, bits int) string {
	return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(f, 'g', -1, bits), "+"))
}

func optionName(f protoreflect.FieldDescriptor) string {
	if f.IsExtension() {
		return "(" + string(f.FullName()) + ")"
	}
	return string(f.Name())
}

func optionValue(f protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch f.Kind() {
	case protoreflect.StringKind:
		return quote(v.String())
	case protoreflect.BytesKind:
		return quote(string(v.Bytes()))
	case protoreflect.EnumKind:
		if e := f.Enum().Values().ByNumber(v.Enum()); e != nil {
			return string(e.Name())
		}
		return strconv.Itoa(int(v.Enum()))
	case protoreflect.FloatKind:
		return double(v.Float(), 32)
	case protoreflect.DoubleKind:
		return double(v.Float(), 64)
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return literal(v.Message())
	}
	return fmt.Sprint(v.Interface())
}

// literal is a message in the text format, on one line.
func literal(m protoreflect.Message) string {
	var parts []string
	add := func(f protoreflect.FieldDescriptor, v protoreflect.Value) {
		name := string(f.Name())
		if f.IsExtension() {
			name = "[" + string(f.FullName()) + "]"
		}
		parts = append(parts, name+": "+optionValue(f, v))
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap():
			v.Map().Range(func(k protoreflect.MapKey, e protoreflect.Value) bool {
				parts = append(parts, fmt.Sprintf("%s: { key: %s value: %s }", f.Name(), optionValue(f.MapKey(), k.Value()), optionValue(f.MapValue(), e)))
				return true
			})
		case f.IsList():
			for i := range v.List().Len() {
				add(f, v.List().Get(i))
			}
		default:
			add(f, v)
		}
		return true
	})
	slices.Sort(parts)
	return "{ " + strings.Join(parts, " ") + " }"
}

// quote writes a string with the escapes of Protobuf's language.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case strings.IndexByte("\a\b\f\n\r\t\v", c) >= 0:
			b.WriteByte('\\')
			b.WriteByte("abfnrtv"[strings.IndexByte("\a\b\f\n\r\t\v", c)])
		case c == '"' || c == '\'' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < 0x20 || c == 0x7f:
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
