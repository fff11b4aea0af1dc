package protobuf

import (
	"strings"

	"google.golang.org/protobuf/types/descriptorpb"
)

// tidy takes out of a descriptor what was not said but follows: labels of
// proto3, and names in JSON.
func tidy(fd *descriptorpb.FileDescriptorProto, fromText bool) {
	proto3 := fd.GetSyntax() == "proto3" || fd.GetSyntax() == "editions"
	for _, f := range fd.Extension {
		tidyField(f, proto3, fromText)
	}
	for _, m := range fd.MessageType {
		tidyMessage(m, proto3, fromText)
	}
}

func tidyMessage(m *descriptorpb.DescriptorProto, proto3, fromText bool) {
	for _, list := range [][]*fieldProto{m.Field, m.Extension} {
		for _, f := range list {
			tidyField(f, proto3, fromText)
		}
	}
	for _, n := range m.NestedType {
		tidyMessage(n, proto3, fromText)
	}
}

func tidyField(f *fieldProto, proto3, fromText bool) {
	// A text has json_name among its options.
	if fromText || f.GetJsonName() == jsonName(f.GetName()) {
		f.JsonName = nil
	}
	if proto3 && f.GetLabel() == descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL && !f.GetProto3Optional() {
		f.Label = nil
	}
}

// jsonName is the name that a field has in JSON unless it says otherwise.
func jsonName(name string) string {
	var b strings.Builder
	for i, part := range strings.Split(name, "_") {
		if i > 0 && part != "" && part[0] >= 'a' && part[0] <= 'z' {
			part = strings.ToUpper(part[:1]) + part[1:]
		}
		b.WriteString(part)
	}
	return b.String()
}
