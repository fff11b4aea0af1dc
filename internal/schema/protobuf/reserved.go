package protobuf

import (
	"slices"
	"strings"

	"github.com/bufbuild/protocompile/ast"
	"github.com/bufbuild/protocompile/parser"
	"google.golang.org/protobuf/types/descriptorpb"
)

// statement is how many ranges, or names, one "reserved" has. Descriptors do
// not keep them apart, and texts must, to stay what they are.
type statement struct{ ranges, names int }

// statements are those of each message and enum of a file.
type statements map[any][]statement

// statementsOf finds them in the tree of a text, for the descriptor raw, which
// is a copy of the result's.
func statementsOf(result parser.Result, raw *descriptorpb.FileDescriptorProto) statements {
	s := statements{}
	read := result.FileDescriptorProto()
	s.types(result, read.MessageType, raw.MessageType, read.EnumType, raw.EnumType)
	return s
}

func (s statements) types(r parser.Result, messages, rawMessages []*descriptorpb.DescriptorProto, enums, rawEnums []*descriptorpb.EnumDescriptorProto) {
	for i, m := range messages {
		switch n := r.MessageNode(m).(type) {
		case *ast.MessageNode:
			s[rawMessages[i]] = reservedIn(n.Decls)
		case *ast.SyntheticGroupMessageNode:
			s[rawMessages[i]] = reservedIn(n.Decls)
		}
		s.types(r, m.NestedType, rawMessages[i].NestedType, m.EnumType, rawMessages[i].EnumType)
	}
	for i, e := range enums {
		if n, ok := r.EnumNode(e).(*ast.EnumNode); ok {
			s[rawEnums[i]] = reservedIn(n.Decls)
		}
	}
}

func reservedIn[T any](declarations []T) (list []statement) {
	for _, d := range declarations {
		if r, ok := any(d).(*ast.ReservedNode); ok {
			list = append(list, statement{len(r.Ranges), len(r.Names) + len(r.Identifiers)})
		}
	}
	return list
}

// reserved writes what of, a message or an enum, has reserved.
func (p *printer) reserved(of any, ranges, names []string) {
	if len(ranges)+len(names) == 0 {
		return
	}
	p.blank()
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = `"` + n + `"`
	}
	if p.normal != nil {
		slices.Sort(quoted)
		for _, r := range append(ranges, quoted...) {
			p.line("reserved %s;", r)
		}
		return
	}
	list := p.statements[of]
	if list == nil {
		list = []statement{{len(ranges), 0}, {0, len(quoted)}}
	}
	for _, s := range list {
		if s.ranges+s.names > 0 {
			p.line("reserved %s;", strings.Join(append(slices.Clip(ranges[:s.ranges]), quoted[:s.names]...), ", "))
		}
		ranges, quoted = ranges[s.ranges:], quoted[s.names:]
	}
}
