package proof

import (
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// The example of C2SP's signed-note.
const (
	exampleKey  = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
	exampleNote = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)

func TestTheSpecificationsExampleVerifies(t *testing.T) {
	v := must[*Verifier](t)(ParseVerifier(exampleKey))
	if v.String() != exampleKey {
		t.Errorf("written as %s", v)
	}
	if _, err := note.Open([]byte(exampleNote), note.VerifierList(v)); err != nil {
		t.Error(err)
	}
	ours := must[*Verifier](t)(v.Named("example.com/bar"))
	if ours.KeyHash() == v.KeyHash() {
		t.Error("another name has the same key id")
	}
}

func TestBadVerifierKeysAreRefused(t *testing.T) {
	for key, want := range map[string]string{
		"":                                      "not of the form",
		"name":                                  "not of the form",
		"name+12345678":                         "not of the form",
		"name+12345678+":                        "is empty",
		"name+12345678+!!":                      "not base64",
		"name+12345678+CQ==":                    "signature type 0x09",
		"name+12345678+AQ==":                    "0 bytes",
		"na me+12345678+AQ==":                   "spaces",
		"+530d903a+AekyeRrm56hA":                "empty",
		"name+12345678+BgAA":                    "name",
		exampleKey[:20] + "0" + exampleKey[21:]: "hash",
		strings.Replace(exampleKey, "AekyeR", "AekyeS", 1):           "was changed",
		strings.Replace(exampleKey, "example.com", "example.org", 1): "was changed",
	} {
		if _, err := ParseVerifier(key); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", key, err, want)
		}
	}
}

func TestEachAlgorithmSignsAndVerifies(t *testing.T) {
	text := Checkpoint{testOrigin, 42, Hash{1}}.String()
	for _, s := range []*Signer{ed25519Signer(t, testOrigin, 1), witness(t, "witness.example", 2), mldsaSigner(t, testOrigin, 3)} {
		signed := must[[]byte](t)(note.Sign(&note.Note{Text: text}, s))
		v := must[*Verifier](t)(ParseVerifier(s.String()))
		n, err := note.Open(signed, note.VerifierList(v))
		if err != nil {
			t.Errorf("%v: %v", s.Algorithm(), err)
			continue
		}
		if at := v.signedAt(n.Sigs[0]); s.Algorithm() != Ed25519 && !at.Equal(clock()) {
			t.Errorf("%v: signed at %v, want %v", s.Algorithm(), at, clock())
		}
		other := strings.Replace(string(signed), "\n42\n", "\n43\n", 1)
		if _, err := note.Open([]byte(other), note.VerifierList(v)); err == nil {
			t.Errorf("%v: another size verifies", s.Algorithm())
		}
	}
}

func TestACosignatureIsBoundToTheCosignersName(t *testing.T) {
	s := mldsaSigner(t, "one.example", 1)
	text := []byte(Checkpoint{testOrigin, 42, Hash{1}}.String())
	sig := must[[]byte](t)(s.Sign(text))
	other := must[*Verifier](t)(s.Named("two.example"))
	if !s.Verify(text, sig) || other.Verify(text, sig) {
		t.Error("want the signature good under the one name and bad under the other")
	}
}
