package proof

import (
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

func TestACheckpointIsOpenedWithItsKeysOnly(t *testing.T) {
	d := newDeployment(t, orders(3)...)
	want := d.root.head(t)
	signed := string(must[[]byte](t)(note.Sign(&note.Note{Text: want.String()}, d.ed, d.pq)))
	trust := d.trust()
	got := must[*SignedCheckpoint](t)(trust.Open(signed))
	if got.Checkpoint != want || !got.SignedAt.Equal(clock()) || len(got.SignedBy) != 2 {
		t.Errorf("got %+v, want %+v", got, want)
	}
	other := Trust{Keys: []*Verifier{ed25519Signer(t, testOrigin, 9).Verifier}}
	if _, err := other.Open(signed); err == nil || !strings.Contains(err.Error(), "none of its signatures") {
		t.Error(err)
	}
	if _, err := (&Trust{}).Open(signed); err == nil {
		t.Error("opened without a key")
	}
	flipped(signed, func(i int, altered string) {
		if _, err := trust.Open(altered); err == nil {
			t.Fatalf("byte %d flipped, and it is opened:\n%s", i, altered)
		}
	})
}

func TestATreeThatCannotBeIsRefused(t *testing.T) {
	key := ed25519Signer(t, testOrigin, 1)
	signed := must[[]byte](t)(note.Sign(&note.Note{Text: Checkpoint{testOrigin, maxSize + 1, Hash{1}}.String()}, key))
	trust := Trust{Keys: []*Verifier{key.Verifier}}
	if _, err := trust.Open(string(signed)); err == nil || !strings.Contains(err.Error(), "no tree has more than") {
		t.Error(err)
	}
}
