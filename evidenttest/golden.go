package evidenttest

import (
	"context"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Golden waits until the node is [Quiet] and compares what went through topics with the
// file testdata/NAME.golden, where NAME is the test's. Order counts within a key, and not
// between keys or topics; ids are numbered, times, offsets and partitions left out. With
// -evidenttest.update it writes the file instead; a flag -update that the test's package
// defines does the same.
func (n *Node) Golden(f Flow) {
	n.t.Helper()
	n.Await(Quiet())
	ctx, cancel := context.WithTimeout(context.Background(), patience(n.bubble))
	defer cancel()
	topics, err := n.look.all(ctx, f.Topics...)
	if err != nil {
		n.t.Fatalf("reading the flow: %v", err)
	}
	golden(n.t, f.text(topics))
}

// golden compares a text with the test's file.
func golden(t testing.TB, got string) {
	t.Helper()
	name := filepath.Join("testdata", strings.NewReplacer("/", "-", " ", "_").Replace(t.Name())+".golden")
	if updating() {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(name, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		t.Fatalf("%s is not there: go test -run '^%s$' -evidenttest.update writes it, with\n%s", name, t.Name(), got)
	case err != nil:
		t.Fatal(err)
	case string(want) != got:
		t.Errorf("the flow is not that of %s (- there, + now); if it should be, go test -run '^%s$' -evidenttest.update writes it\n%s",
			name, t.Name(), difference(string(want), got))
	}
}

// updating tells whether golden files are to be written.
func updating() bool {
	if *updateFlag {
		return true
	}
	own := flag.Lookup("update")
	return own != nil && own.Value.String() == "true"
}
