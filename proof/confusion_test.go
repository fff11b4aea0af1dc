package proof

import (
	"math"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// What stands in a file and nobody has signed is shown to people: it must not
// be able to write to their terminals.
func TestUnsignedNamesCannotForgeOutput(t *testing.T) {
	d := newDeployment(t, orders(3)...)
	for _, name := range []string{"", "a b", "x\r", "\x1b[2Jopentimestamps", "x\u202e", "X"} {
		f := d.file(t, 1)
		f.Heads[0].Receipts = []Receipt{{name, []byte("data")}}
		_, err := ParseFile(f.String())
		if err == nil {
			t.Errorf("a receipt of %q is accepted", name)
		} else if strings.ContainsAny(err.Error(), "\x1b\r") {
			t.Errorf("the error has what a terminal obeys: %q", err)
		}
	}
	d.witnesses = []*Signer{witness(t, "w\u009b2J", 9)}
	r := must[*Report](t)(d.file(t, 1).Verify(d.trust()))
	if got := strings.Join(r.Heads[0].Unknown, ""); strings.Contains(got, "\u009b") || !strings.Contains(got, "w") {
		t.Errorf("unknown: %q", got)
	}
	_, err := d.file(t, 1).Verify(Trust{Keys: []*Verifier{ed25519Signer(t, testOrigin, 77).Verifier}})
	if err == nil || strings.Contains(err.Error(), "\u009b") {
		t.Errorf("%v", err)
	}
}

// A key id has 32 bits: who may choose a key can make its id that of another.
func TestKeysWithOneNameAndIDAreRefused(t *testing.T) {
	d := newDeployment(t, orders(3)...)
	other := witness(t, testOrigin, 9)
	other.hash = d.ed.hash
	for _, known := range [][]*Verifier{{d.ed.Verifier, other.Verifier}, {other.Verifier, d.ed.Verifier}} {
		if err := verify(d.file(t, 1).String(), Trust{Keys: known}); err == nil || !strings.Contains(err.Error(), "tell their signatures apart") {
			t.Errorf("two keys with one name and id: %v", err)
		}
	}
	if err := verify(d.file(t, 1).String(), Trust{Keys: []*Verifier{d.ed.Verifier, d.ed.Verifier}}); err != nil {
		t.Errorf("the same key twice: %v", err)
	}
}

// A size that no tree has gives an error and not a loop without end.
func TestSizesThatNoTreeHas(t *testing.T) {
	d := newDeployment(t, orders(3)...)
	f := d.file(t, 1)
	for _, size := range []int64{1<<62 + 1, math.MaxInt64} {
		huge := Checkpoint{Origin: testOrigin, Size: size, Root: d.root.head(t).Root}
		f.Heads[0].Root.Signed = string(must[[]byte](t)(note.Sign(&note.Note{Text: huge.String()}, d.ed, d.pq)))
		if err := verify(f.String(), d.trust()); err == nil || !strings.Contains(err.Error(), "no tree has more") {
			t.Errorf("a root log of %d entries: %v", size, err)
		}
	}
}
