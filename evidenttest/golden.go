package evidenttest

import (
	"context"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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
	name := filepath.Join("testdata", strings.NewReplacer("/", "-", " ", "_").Replace(n.t.Name())+".golden")
	got := f.text(topics)
	if updating() {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(name, []byte(got), 0o644)); err != nil {
			n.t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		n.t.Fatalf("%s is not there: go test -run '^%s$' -evidenttest.update writes it, with\n%s", name, n.t.Name(), got)
	case err != nil:
		n.t.Fatal(err)
	case string(want) != got:
		n.t.Errorf("the flow is not that of %s (- there, + now); if it should be, go test -run '^%s$' -evidenttest.update writes it\n%s",
			name, n.t.Name(), difference(string(want), got))
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
