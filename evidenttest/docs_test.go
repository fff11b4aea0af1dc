package evidenttest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What docs/testing.md shows is what is tested here: each line of its code is a line of
// these tests, and each test that it names is there.
func TestTheDocumentationIsRun(t *testing.T) {
	text, err := os.ReadFile("../docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	source := linesOfTests(t)
	has := func(line string) bool {
		return slices.ContainsFunc(source, func(of string) bool { return strings.HasPrefix(of, line) })
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) < 6 {
		t.Errorf("found %d pieces of code", len(blocks))
	}
	for _, block := range blocks {
		for line := range strings.Lines(block[1]) {
			if line = strings.TrimSpace(line); line != "…" && line != "" && !has(line) {
				t.Errorf("no test has the line\n\t%s", line)
			}
		}
	}
	for _, name := range regexp.MustCompile("`((?:Test|Example)[A-Z]\\w+)`").FindAllStringSubmatch(string(text), -1) {
		if !has("func " + name[1] + "(") {
			t.Errorf("there is no %s", name[1])
		}
	}
}

// linesOfTests are those of this folder's tests, without what they are indented by.
func linesOfTests(t *testing.T) (all []string) {
	t.Helper()
	names, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			all = append(all, strings.TrimSpace(line))
		}
	}
	return all
}
