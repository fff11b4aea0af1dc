package protobuf

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/reporter"
	"github.com/evidentlog/evident/internal/schema"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Limits of a schema with all that it refers to.
const (
	maxBytes = 1 << 20
	maxParts = 20_000 // messages, fields, enums and their values
)

// main is the name of the file that a schema is.
const main = "schema.proto"

// Language reads Protobuf files. Its zero value is ready.
type Language struct{}

var _ schema.Language = Language{}

// Type says that it is Protobuf.
func (Language) Type() schema.Type { return schema.Protobuf }

// Parse reads a file, or its descriptor (FileDescriptorProto) in base64, as
// some clients send it. A reference's name is the path that the file imports.
// What comes with protoc (google/protobuf/…) needs none. New plays no part.
func (Language) Parse(src schema.Source) (schema.Schema, error) {
	size := len(src.Text)
	files := map[string]string{main: src.Text}
	for _, r := range src.Resolved {
		size += len(r.Text)
		if r.Name == main {
			return nil, invalid("reference %q: the schema itself goes by that name", r.Name)
		}
		files[r.Name] = r.Text
	}
	if size > maxBytes {
		return nil, invalid("it has %d bytes with all that it refers to, and may have %d", size, maxBytes)
	}
	c := compilation{files: files, read: map[string]*descriptorpb.FileDescriptorProto{}}
	linked, err := c.compile()
	if err != nil {
		return nil, err
	}
	s := &Schema{file: linked, raw: c.read[main], references: src.References}
	s.text = printFile(s.raw, c.statements, nil)
	return s, nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", schema.ErrInvalid, fmt.Sprintf(format, args...))
}

// compilation is that of one schema. The library asks for files from goroutines
// of its own, which it waits for.
type compilation struct {
	files map[string]string

	mu    sync.Mutex
	parts int
	// read are the files as their authors wrote them: with names of types that
	// are not resolved, and options that are not interpreted.
	read map[string]*descriptorpb.FileDescriptorProto
	// statements are those of the main file.
	statements statements
}

func (c *compilation) compile() (linker.File, error) {
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(protocompile.ResolverFunc(c.find)),
		MaxParallelism: 1,
	}
	files, err := compiler.Compile(context.Background(), main)
	if err != nil {
		return nil, invalid("%s", short(err.Error()))
	}
	return files[0], nil
}

var errNotReferred = errors.New("is not among the references of the schema")

func (c *compilation) find(path string) (protocompile.SearchResult, error) {
	text, ok := c.files[path]
	if !ok {
		if text, ok = confluent[path]; !ok {
			return protocompile.SearchResult{}, fmt.Errorf("%q %w", path, errNotReferred)
		}
	}
	if fd := descriptor(text); fd != nil {
		fd.Name = proto.String(path)
		fd.SourceCodeInfo = nil
		result := protocompile.SearchResult{Proto: proto.CloneOf(fd)}
		tidy(fd, false)
		return result, c.keep(path, fd)
	}
	handler := reporter.NewHandler(nil)
	tree, err := parser.Parse(path, strings.NewReader(text), handler)
	if err != nil {
		return protocompile.SearchResult{}, err
	}
	result, err := parser.ResultFromAST(tree, true, handler)
	if err != nil {
		return protocompile.SearchResult{}, err
	}
	raw := proto.CloneOf(result.FileDescriptorProto())
	if tree.Syntax != nil {
		raw.Syntax = proto.String(tree.Syntax.Syntax.AsString())
	}
	tidy(raw, true)
	if path == main {
		c.statements = statementsOf(result, raw)
	}
	return protocompile.SearchResult{ParseResult: result}, c.keep(path, raw)
}

// keep remembers a file, and counts what is in it.
func (c *compilation) keep(path string, fd *descriptorpb.FileDescriptorProto) error {
	n := countParts(fd.MessageType, fd.EnumType) + len(fd.Extension)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read[path] = fd
	if c.parts += n; c.parts > maxParts {
		return fmt.Errorf("more than %d messages, fields, enums and values, with all that is referred to", maxParts)
	}
	return nil
}

func countParts(messages []*descriptorpb.DescriptorProto, enums []*descriptorpb.EnumDescriptorProto) int {
	n := len(messages) + len(enums)
	for _, m := range messages {
		n += len(m.Field) + len(m.Extension) + countParts(m.NestedType, m.EnumType)
	}
	for _, e := range enums {
		n += len(e.Value)
	}
	return n
}

// descriptor reads a descriptor in base64; nil for what is none. A file in text
// has characters that base64 has not.
func descriptor(text string) *descriptorpb.FileDescriptorProto {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw) == 0 {
		return nil
	}
	fd := &descriptorpb.FileDescriptorProto{}
	if proto.Unmarshal(raw, fd) != nil {
		return nil
	}
	return fd
}

func short(s string) string {
	const most = 500
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
