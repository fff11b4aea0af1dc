package protobuf

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/evidentlog/evident/internal/schema"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// layout is what a message's fields look like on the wire.
type layout struct {
	name     protoreflect.FullName
	few      []*fieldLayout // by number, for those below its length
	rest     map[protowire.Number]*fieldLayout
	required []*fieldLayout
}

type fieldLayout struct {
	name   protoreflect.Name
	number protowire.Number
	wire   protowire.Type
	// packed says that values may stand together in one piece of bytes.
	packed bool
	text   bool // must be UTF-8
	// message is set for messages and groups.
	message *layout
	// index is the field's place among the required ones, and -1 otherwise.
	index int
}

// validator has the layouts of a file's messages, and of all that they use.
type validator struct {
	file    protoreflect.FileDescriptor
	layouts map[protoreflect.FullName]*layout
}

func newValidator(file protoreflect.FileDescriptor) *validator {
	v := &validator{file, map[protoreflect.FullName]*layout{}}
	v.all(file.Messages())
	return v
}

func (v *validator) all(messages protoreflect.MessageDescriptors) {
	for i := range messages.Len() {
		v.layout(messages.Get(i))
		v.all(messages.Get(i).Messages())
	}
}

func (v *validator) layout(m message) *layout {
	if known := v.layouts[m.FullName()]; known != nil {
		return known
	}
	l := &layout{name: m.FullName(), rest: map[protowire.Number]*fieldLayout{}}
	v.layouts[m.FullName()] = l
	const few = 64
	for i := range m.Fields().Len() {
		f := v.field(l, m.Fields().Get(i))
		if f.number >= few {
			l.rest[f.number] = f
			continue
		}
		for len(l.few) <= int(f.number) {
			l.few = append(l.few, nil)
		}
		l.few[f.number] = f
	}
	return l
}

func (v *validator) field(of *layout, d protoreflect.FieldDescriptor) *fieldLayout {
	f := &fieldLayout{name: d.Name(), number: d.Number(), wire: wireOf(d.Kind()), index: -1}
	f.packed = d.IsList() && f.wire != protowire.BytesType && f.wire != protowire.StartGroupType
	f.text = d.Kind() == protoreflect.StringKind && d.Syntax() != protoreflect.Proto2
	if d.Message() != nil {
		f.message = v.layout(d.Message())
	}
	if d.Cardinality() == protoreflect.Required {
		f.index = len(of.required)
		of.required = append(of.required, f)
	}
	return f
}

func wireOf(k protoreflect.Kind) protowire.Type {
	switch k {
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	case protoreflect.GroupKind:
		return protowire.StartGroupType
	}
	return protowire.VarintType
}

func (l *layout) field(n protowire.Number) *fieldLayout {
	if int(n) < len(l.few) {
		return l.few[n]
	}
	return l.rest[n]
}

// Validate walks a message in Protobuf's binary encoding. Fields that the
// schema does not have are passed over, as readers do; those that it has must
// have their type on the wire.
func (v *validator) Validate(indexes []int, payload []byte) error {
	l, err := v.choose(indexes)
	if err != nil {
		return err
	}
	w := walker{}
	if _, ok := w.message(l, payload, 0, 0); !ok {
		slices.Reverse(w.path)
		return &schema.Mismatch{Path: strings.Join(w.path, "."), Reason: w.reason}
	}
	return nil
}

// choose finds the message by its indexes. Those that stand for entries of maps
// do not count: the file does not show them.
func (v *validator) choose(indexes []int) (*layout, error) {
	if len(indexes) == 0 {
		indexes = []int{0}
	}
	messages := v.file.Messages()
	var m message
	for _, index := range indexes {
		m = nil
		for i := range messages.Len() {
			if messages.Get(i).IsMapEntry() {
				continue
			}
			if index == 0 {
				m = messages.Get(i)
				break
			}
			index--
		}
		if m == nil {
			return nil, &schema.Mismatch{Reason: fmt.Sprintf("the schema has no message at the indexes %v", indexes)}
		}
		messages = m.Messages()
	}
	return v.layouts[m.FullName()], nil
}

// walker goes through a payload.
type walker struct {
	reason string
	path   []string // last first
}

func (w *walker) fail(format string, args ...any) ([]byte, bool) {
	w.reason = fmt.Sprintf(format, args...)
	return nil, false
}

// message takes the fields of a message: up to the end, or, for a group, up to
// its end's tag. It returns what is left.
func (w *walker) message(l *layout, b []byte, depth int, group protowire.Number) ([]byte, bool) {
	if depth > maxDepth {
		return w.fail("nested deeper than %d", maxDepth)
	}
	var found uint64
	for len(b) > 0 {
		number, typ, n := consumeTag(b)
		if n < 0 {
			return w.fail("no tag of a field: %v", protowire.ParseError(n))
		}
		b = b[n:]
		if typ == protowire.EndGroupType {
			if number != group || group == 0 {
				return w.fail("the end of group %d, which has not begun", number)
			}
			return b, w.complete(l, found)
		}
		f := l.field(number)
		if f == nil {
			if n = consume(number, typ, b, depth); n < 0 {
				return w.fail("field %d, which is unknown: %v", number, protowire.ParseError(n))
			}
			b = b[n:]
			continue
		}
		var ok bool
		if b, ok = w.value(f, typ, b, depth); !ok {
			return w.within(f)
		}
		if f.index >= 0 && f.index < 64 {
			found |= 1 << f.index
		}
	}
	if group != 0 {
		return w.fail("group %d does not end", group)
	}
	return b, w.complete(l, found)
}

// consumeTag is protowire's, which lets numbers pass that no field can have.
func consumeTag(b []byte) (protowire.Number, protowire.Type, int) {
	number, typ, n := protowire.ConsumeTag(b)
	if number > protowire.MaxValidNumber {
		return 0, 0, -1
	}
	return number, typ, n
}

// consume passes over a value of an unknown field. Groups count for the depth.
func consume(number protowire.Number, typ protowire.Type, b []byte, depth int) int {
	if typ != protowire.StartGroupType {
		return protowire.ConsumeFieldValue(number, typ, b)
	}
	size := 0
	for open := []protowire.Number{number}; len(open) > 0; {
		if depth+len(open) > maxDepth {
			return -1
		}
		n, t, k := consumeTag(b[size:])
		if k < 0 {
			return k
		}
		size += k
		switch t {
		case protowire.StartGroupType:
			open = append(open, n)
		case protowire.EndGroupType:
			if n != open[len(open)-1] {
				return -1
			}
			open = open[:len(open)-1]
		default:
			if k = protowire.ConsumeFieldValue(n, t, b[size:]); k < 0 {
				return k
			}
			size += k
		}
	}
	return size
}

// within adds a field to the path of a failure.
func (w *walker) within(f *fieldLayout) ([]byte, bool) {
	w.path = append(w.path, string(f.name))
	return nil, false
}

// complete says whether the first 64 required fields were there; a message with
// more of them is not known.
func (w *walker) complete(l *layout, found uint64) bool {
	for _, f := range l.required {
		if f.index < 64 && found&(1<<f.index) == 0 {
			w.fail("required field %s of %s is not there", f.name, l.name)
			return false
		}
	}
	return true
}

var typeNames = map[protowire.Type]string{
	protowire.VarintType: "a number", protowire.Fixed32Type: "4 bytes", protowire.Fixed64Type: "8 bytes",
	protowire.BytesType: "bytes with their length", protowire.StartGroupType: "a group",
}

func (w *walker) value(f *fieldLayout, typ protowire.Type, b []byte, depth int) ([]byte, bool) {
	if typ != f.wire {
		if f.packed && typ == protowire.BytesType {
			return w.packed(f, b)
		}
		name := typeNames[typ]
		if name == "" {
			name = "type " + strconv.Itoa(int(typ))
		}
		return w.fail("%s, where the field has %s", name, typeNames[f.wire])
	}
	if typ == protowire.StartGroupType {
		return w.message(f.message, b, depth+1, f.number)
	}
	n := protowire.ConsumeFieldValue(f.number, typ, b)
	if n < 0 {
		return w.fail("%v", protowire.ParseError(n))
	}
	if typ != protowire.BytesType {
		return b[n:], true
	}
	value, _ := protowire.ConsumeBytes(b)
	if f.text && !utf8.Valid(value) {
		return w.fail("a string that is not UTF-8: %.50q", value)
	}
	if f.message != nil {
		if _, ok := w.message(f.message, value, depth+1, 0); !ok {
			return nil, false
		}
	}
	return b[n:], true
}

// packed takes values that stand together.
func (w *walker) packed(f *fieldLayout, b []byte) ([]byte, bool) {
	values, size := protowire.ConsumeBytes(b)
	if size < 0 {
		return w.fail("%v", protowire.ParseError(size))
	}
	for len(values) > 0 {
		n := protowire.ConsumeFieldValue(f.number, f.wire, values)
		if n < 0 {
			return w.fail("%v", protowire.ParseError(n))
		}
		values = values[n:]
	}
	return b[size:], true
}
