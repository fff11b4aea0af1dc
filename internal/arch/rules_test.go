package arch

import (
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

func TestEachRuleHasTeeth(t *testing.T) {
	ok := []string{"doc.go"}
	for name, tc := range map[string]struct {
		pkg  pkg
		want string // part of the complaint; empty for none
	}{
		"import downward":        {pkg{path: "internal/broker", comments: ok, imports: []string{module + "/internal/log"}}, ""},
		"import within a room":   {pkg{path: "internal/broker", comments: ok, imports: []string{module + "/internal/broker/group"}}, ""},
		"import of a module":     {pkg{path: "internal/log", comments: ok, imports: []string{"io", "golang.org/x/sys/unix"}}, ""},
		"import upward":          {pkg{path: "internal/log", comments: ok, imports: []string{module + "/internal/broker"}}, "higher floor"},
		"import upward, nested":  {pkg{path: "internal/log/batch", comments: ok, imports: []string{module + "/node"}}, "higher floor"},
		"import sideways":        {pkg{path: "internal/ledger", comments: ok, imports: []string{module + "/internal/schema"}}, "same floor"},
		"public imports private": {pkg{path: "client", comments: ok, imports: []string{module + "/internal/vfs"}}, "nothing internal"},
		"unknown import":         {pkg{path: "node", comments: ok, imports: []string{module + "/internal/attic"}}, "in no room"},
		"unknown package":        {pkg{path: "internal/attic", comments: ok}, "add it to the floors"},
		"a name that begins so":  {pkg{path: "internal/logs", comments: ok}, "add it to the floors"},
		"test node uses tool":    {pkg{path: "evidenttest", comments: ok, imports: []string{module + "/internal/tool"}}, "command line only"},
		"command uses tool":      {pkg{path: "cmd/evident", comments: ok, imports: []string{module + "/internal/tool"}}, ""},
		"stand-in broker":        {pkg{path: "node", comments: ok, imports: []string{testOnly[0]}}, "for tests only"},
		"no package comment":     {pkg{path: "node"}, "no package comment"},
		"two package comments":   {pkg{path: "node", comments: []string{"a.go", "b.go"}}, "a.go, b.go"},
		"library exits":          {pkg{path: "node", comments: ok, exits: []string{"a.go:1: os.Exit"}}, "only programs"},
		"program exits":          {pkg{path: "cmd/evident", program: true, comments: ok, exits: []string{"a.go:1: os.Exit"}}, ""},
	} {
		got := strings.Join(check([]*pkg{&tc.pkg}), "\n")
		if tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
}

func TestReadingAFileSeesCommentImportsAndExits(t *testing.T) {
	const source = `//go:build linux

// Package x is for tests.
package x

import "os"

func f() { defer os.Exit(1) }
`
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, "x.go", source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var p pkg
	if err := p.add(files, "x.go", f); err != nil {
		t.Fatal(err)
	}
	if len(p.comments) != 1 || len(p.imports) != 1 || len(p.exits) != 1 || p.exits[0] != "x.go:8: os.Exit" {
		t.Errorf("read %+v", p)
	}
}
