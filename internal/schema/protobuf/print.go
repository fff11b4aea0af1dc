package protobuf

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// printer writes a file in the layout of Confluent's registry: two spaces a
// level, an empty line between sections, no comments, messages before enums.
type printer struct {
	b     strings.Builder
	level int
	begun bool // a declaration whose line has not ended
	// normal is the file with its names resolved, if the text is to be
	// normalized: what has no order is then sorted, and names are in full.
	normal protoreflect.FileDescriptor
	// statements are those of "reserved", unless it is.
	statements statements
}

func printFile(f *descriptorpb.FileDescriptorProto, s statements, normal protoreflect.FileDescriptor) string {
	p := &printer{normal: normal, statements: s}
	switch {
	case f.GetEdition() != descriptorpb.Edition_EDITION_UNKNOWN:
		p.line("edition = %q;", strings.TrimPrefix(f.GetEdition().String(), "EDITION_"))
	case f.GetSyntax() == "proto3" || f.Syntax != nil && normal == nil:
		p.line("syntax = %q;", f.GetSyntax())
	}
	if f.Package != nil {
		p.line("package %s;", f.GetPackage())
	}
	p.imports(f)
	p.section(p.options(f.Options))
	scope := scope{p.normal, nil}
	p.types(scope, f.MessageType, f.EnumType, len(f.MessageType)+len(f.EnumType) > 0)
	p.extensions(scope, f.Extension, nil)
	for i, s := range f.Service {
		if i == 0 {
			p.blank()
		}
		p.service(scope, s, i)
	}
	return p.b.String()
}

// scope is where types are declared: a file, or a message. Both are nil if the
// text is not to be normalized.
type scope struct {
	file    protoreflect.FileDescriptor
	message protoreflect.MessageDescriptor
}

func (s scope) messageAt(i int) protoreflect.MessageDescriptor {
	switch {
	case s.message != nil:
		return s.message.Messages().Get(i)
	case s.file != nil:
		return s.file.Messages().Get(i)
	}
	return nil
}

func (s scope) extensions() protoreflect.ExtensionDescriptors {
	switch {
	case s.message != nil:
		return s.message.Extensions()
	case s.file != nil:
		return s.file.Extensions()
	}
	return nil
}

func (p *printer) line(format string, args ...any) {
	for range p.level {
		p.b.WriteString("  ")
	}
	fmt.Fprintf(&p.b, format, args...)
	p.b.WriteByte('\n')
}

// blank ends the line of a declaration that was begun, or writes an empty line:
// one with the indentation of the declaration, as Confluent's registry does.
func (p *printer) blank() {
	if !p.begun {
		for range p.level - 1 {
			p.b.WriteString("  ")
		}
	}
	p.begun = false
	p.b.WriteByte('\n')
}

// section writes statements after an empty line.
func (p *printer) section(statements []string) {
	if len(statements) > 0 {
		p.blank()
	}
	for _, s := range statements {
		p.line("option %s;", s)
	}
}

func (p *printer) imports(f *descriptorpb.FileDescriptorProto) {
	var plain, public []string
	for i, path := range f.Dependency {
		if slices.Contains(f.PublicDependency, int32(i)) {
			public = append(public, path)
		} else {
			plain = append(plain, path)
		}
	}
	if len(f.Dependency) > 0 {
		p.blank()
	}
	for _, list := range []struct {
		word  string
		paths []string
	}{{"import", plain}, {"import public", public}} {
		if p.normal != nil {
			slices.Sort(list.paths)
		}
		for _, path := range list.paths {
			p.line("%s \"%s\";", list.word, path)
		}
	}
}

// types writes messages and then enums; those that stand for maps and groups
// are written where they are used.
func (p *printer) types(in scope, messages []*descriptorpb.DescriptorProto, enums []*descriptorpb.EnumDescriptorProto, any bool) {
	if any {
		p.blank()
	}
	for i, m := range messages {
		if !m.GetOptions().GetMapEntry() {
			p.block(in.messageAt(i), m, "message "+m.GetName())
		}
	}
	for _, e := range enums {
		p.enum(e)
	}
}

// block writes a message after what declares it: a message, or a field that is
// a group.
func (p *printer) block(linked protoreflect.MessageDescriptor, m *descriptorpb.DescriptorProto, head string) {
	p.body(head, func() {
		in := scope{nil, linked}
		p.reserved(m, intervals(p, m.ReservedRange, 1, 1<<29-1), m.ReservedName)
		p.section(p.options(m.Options))
		groups := p.fields(in, m)
		p.extensionRanges(m)
		p.extensions(in, m.Extension, m)
		nested := 0
		rest := make([]*descriptorpb.DescriptorProto, len(m.NestedType))
		for i, n := range m.NestedType {
			rest[i] = n
			if n.GetOptions().GetMapEntry() || groups[n.GetName()] {
				rest[i] = &descriptorpb.DescriptorProto{Options: mapEntry}
				continue
			}
			nested++
		}
		p.types(in, rest, m.EnumType, nested+len(m.EnumType) > 0)
	})
}

var mapEntry = &descriptorpb.MessageOptions{MapEntry: new(true)}

// body writes a declaration with what is in its braces: on one line if there is
// nothing.
func (p *printer) body(head string, inside func()) {
	for range p.level {
		p.b.WriteString("  ")
	}
	p.b.WriteString(head + " {")
	p.begun = true
	p.level++
	inside()
	p.level--
	if p.begun {
		p.begun = false
		p.b.WriteString("}\n")
		return
	}
	p.line("}")
}

// interval is a range of reserved numbers: of a message, without its end, or of
// an enum, with it.
type interval interface {
	GetStart() int32
	GetEnd() int32
}

// intervals writes ranges, which end so much before their end, and at most
// where no number is larger.
func intervals[T interval](p *printer, list []T, before, most int32) (ranges []string) {
	if p.normal != nil {
		list = slices.Clone(list)
		slices.SortFunc(list, func(a, b T) int { return cmp.Compare(a.GetStart(), b.GetStart()) })
	}
	for _, r := range list {
		ranges = append(ranges, numbers(r.GetStart(), r.GetEnd()-before, most))
	}
	return ranges
}

func numbers(from, to, most int32) string {
	switch {
	case from == to:
		return fmt.Sprint(from)
	case to >= most:
		return fmt.Sprintf("%d to max", from)
	}
	return fmt.Sprintf("%d to %d", from, to)
}

func (p *printer) extensionRanges(m *descriptorpb.DescriptorProto) {
	if len(m.ExtensionRange) > 0 {
		p.blank()
	}
	ranges := slices.Clone(m.ExtensionRange)
	if p.normal != nil {
		slices.SortFunc(ranges, func(a, b *descriptorpb.DescriptorProto_ExtensionRange) int {
			return cmp.Compare(a.GetStart(), b.GetStart())
		})
	}
	for _, r := range ranges {
		p.line("extensions %s%s;", numbers(r.GetStart(), r.GetEnd()-1, 1<<29-1), p.bracketed(p.options(r.Options)))
	}
}

func (p *printer) enum(e *descriptorpb.EnumDescriptorProto) {
	p.body("enum "+e.GetName(), func() {
		ranges := intervals(p, e.ReservedRange, 0, 1<<31-1)
		p.reserved(e, ranges, e.ReservedName)
		if len(ranges)+len(e.ReservedName) == 0 && len(e.Value) > 0 {
			p.blank()
		}
		for _, o := range p.options(e.Options) {
			p.line("option %s;", o)
		}
		values := slices.Clone(e.Value)
		if p.normal != nil {
			slices.SortFunc(values, func(a, b *descriptorpb.EnumValueDescriptorProto) int {
				return cmp.Or(cmp.Compare(a.GetNumber(), b.GetNumber()), cmp.Compare(a.GetName(), b.GetName()))
			})
		}
		for _, v := range values {
			p.line("%s = %d%s;", v.GetName(), v.GetNumber(), p.bracketed(p.options(v.Options)))
		}
	})
}

func (p *printer) service(in scope, s *descriptorpb.ServiceDescriptorProto, at int) {
	p.body("service "+s.GetName(), func() {
		p.section(p.options(s.Options))
		for i, m := range s.Method {
			if i == 0 {
				p.blank()
			}
			input, output := m.GetInputType(), m.GetOutputType()
			if in.file != nil {
				linked := in.file.Services().Get(at).Methods().Get(i)
				input, output = "."+string(linked.Input().FullName()), "."+string(linked.Output().FullName())
			}
			p.method(m, stream(m.GetClientStreaming())+input, stream(m.GetServerStreaming())+output)
		}
	})
}

func (p *printer) method(m *descriptorpb.MethodDescriptorProto, input, output string) {
	head := fmt.Sprintf("rpc %s (%s) returns (%s)", m.GetName(), input, output)
	options := p.options(m.Options)
	if len(options) == 0 {
		p.line("%s;", head)
		return
	}
	p.line("%s {", head)
	p.level++
	for _, o := range options {
		p.line("option %s;", o)
	}
	p.level--
	p.line("};")
}

func stream(is bool) string {
	if is {
		return "stream "
	}
	return ""
}
