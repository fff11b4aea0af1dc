package protobuf

import (
	"encoding/base64"
	"sync"

	"github.com/evidentlog/evident/internal/schema"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Schema is a Protobuf file. It is safe for concurrent use.
type Schema struct {
	file       protoreflect.FileDescriptor
	raw        *descriptorpb.FileDescriptorProto // as the author wrote it
	text       string
	references []schema.Reference

	once      sync.Once
	validator *validator

	normalize  sync.Once
	normalized string
}

var _ schema.Schema = (*Schema)(nil)

// Type says that it is Protobuf.
func (s *Schema) Type() schema.Type { return schema.Protobuf }

// Text is the file without comments, in one layout.
func (s *Schema) Text() string { return s.text }

// References are the files that are imported.
func (s *Schema) References() []schema.Reference { return s.references }

// Normalized has imports, options, reserved ranges, and fields in order, and
// names of types in full. Messages stay where they are: payloads name them by
// their position.
func (s *Schema) Normalized() string {
	s.normalize.Do(func() { s.normalized = printFile(s.raw, nil, s.file) })
	return s.normalized
}

// Formatted knows "serialized": the descriptor in base64.
func (s *Schema) Formatted(format string) string {
	if format != "serialized" {
		return s.text
	}
	fd := protodesc.ToFileDescriptorProto(s.file)
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(fd)
	if err != nil {
		return s.text // a file that was compiled can be written
	}
	return base64.StdEncoding.EncodeToString(b)
}

// Validator checks payloads in Protobuf's binary encoding.
func (s *Schema) Validator() (schema.Validator, error) {
	s.once.Do(func() { s.validator = newValidator(s.file) })
	return s.validator, nil
}
