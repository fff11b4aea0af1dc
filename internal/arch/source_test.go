package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// pkg is what the rules need to know of a package's files, tests left out.
type pkg struct {
	path     string // within the module
	program  bool   // package main
	imports  []string
	comments []string // files with a package comment
	exits    []string // "file.go:12: os.Exit"
}

// readModule parses every package of the module that holds this test. Nested
// modules, hidden folders and testdata are not part of it.
func readModule(t *testing.T) []*pkg {
	t.Helper()
	root := moduleRoot(t)
	packages := map[string]*pkg{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root && !partOfModule(name):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		return readFile(packages, root, name)
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []*pkg
	for _, p := range packages {
		all = append(all, p)
	}
	return all
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = filepath.Dir(dir)
	}
}

func partOfModule(dir string) bool {
	base := filepath.Base(dir)
	if base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return false
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err != nil
}

func readFile(packages map[string]*pkg, root, name string) error {
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, name, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(root, filepath.Dir(name))
	if err != nil {
		return err
	}
	path := filepath.ToSlash(rel)
	p := packages[path]
	if p == nil {
		p = &pkg{path: path, program: f.Name.Name == "main"}
		packages[path] = p
	}
	return p.add(files, filepath.Base(name), f)
}

// add notes what the rules want to know of one file.
func (p *pkg) add(files *token.FileSet, name string, f *ast.File) error {
	if f.Doc.Text() != "" {
		p.comments = append(p.comments, name)
	}
	for _, imp := range f.Imports {
		path, err := strconv.Unquote(imp.Path.Value)
		if err != nil {
			return err
		}
		p.imports = append(p.imports, path)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if call := endsProcess(n); call != "" {
			p.exits = append(p.exits, name+":"+strconv.Itoa(files.Position(n.Pos()).Line)+": "+call)
		}
		return true
	})
	return nil
}

// endsProcess names the function that n calls if it ends the process.
func endsProcess(n ast.Node) string {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	from, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	name := from.Name + "." + sel.Sel.Name
	switch name {
	case "os.Exit", "syscall.Exit", "unix.Exit", "log.Fatal", "log.Fatalf", "log.Fatalln":
		return name
	}
	return ""
}
