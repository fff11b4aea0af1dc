package opentimestamps

import (
	"crypto/sha256"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evidentlog/evident/proof"
)

func TestThePublicProofOfBlock358391IsVerified(t *testing.T) {
	f, err := Parse(hello)
	if err != nil {
		t.Fatal(err)
	}
	if want := sha256.Sum256([]byte(helloText)); f.Hash != SHA256 || string(f.Digest) != string(want[:]) {
		t.Errorf("it is for %x, want %x", f.Digest, want)
	}
	block, err := verifier(t).Verify(f)
	if want := (Block{helloHeight, time.Date(2015, 5, 28, 15, 41, 18, 0, time.UTC)}); err != nil || block != want {
		t.Errorf("got %v, %v, want %v", block, err, want)
	}
	if got := f.Bytes(); string(got) != string(hello) {
		t.Errorf("written again it is %x", got)
	}
	h := header(t)
	if got := h.Hash(); got != "000000000000000003e892881a8cdcdc117c06d444057c98b6f04a9ee75a2319" {
		t.Errorf("the block's hash is %s", got)
	}
}

func TestAFlippedByteOfTheHeaderIsFound(t *testing.T) {
	h := header(t)
	for i := range h.raw {
		altered := h.raw
		altered[i] ^= 1
		if _, err := ParseHeader(altered[:]); err == nil {
			t.Errorf("byte %d may be changed", i)
		}
	}
}

func TestAFlippedByteOfAProofProvesNothing(t *testing.T) {
	receipt, mined := mine(t, 900000)
	if e, err := mined.VerifyReceipt(checkpoint, receipt); err != nil || e.By != "Bitcoin block 900000" {
		t.Fatalf("%v, %v", e, err)
	}
	// A block with an odd number of hashes in a level repeats the last one: to
	// append it and to prepend it is the same.
	const repeated = 603
	for i := range hello {
		for bit := range 8 {
			altered := slices.Clone(hello)
			altered[i] ^= 1 << bit
			f, err := Parse(altered)
			if err != nil || i == repeated && altered[i] == byte(Prepend) {
				continue
			}
			// The digest, too, must be another than the text's: whoever checks compares it.
			digest := sha256.Sum256([]byte(helloText))
			if b, err := verifier(t).Verify(f); err == nil && string(f.Digest) == string(digest[:]) {
				t.Errorf("with byte %d altered it still proves %v", i, b)
			}
		}
	}
	for i := range receipt {
		for bit := range 8 {
			altered := slices.Clone(receipt)
			altered[i] ^= 1 << bit
			if e, err := mined.VerifyReceipt(checkpoint, altered); err == nil {
				t.Errorf("with byte %d altered the receipt still proves %v", i, e)
			}
		}
	}
}

func TestAReceiptIsForOneCheckpoint(t *testing.T) {
	receipt, v := mine(t, 900000)
	other := strings.Replace(checkpoint, "\n7\n", "\n8\n", 1)
	if _, err := v.VerifyReceipt(other, receipt); err == nil || errors.Is(err, proof.ErrUnchecked) {
		t.Errorf("of another checkpoint: %v", err)
	}
	cosigned := checkpoint + "— witness.example BBBBBBBB\n"
	if _, err := v.VerifyReceipt(cosigned, receipt); err != nil {
		t.Errorf("with a cosignature that came later: %v", err)
	}
}

func TestWhatNeedsMoreIsUncheckedAndNotWrong(t *testing.T) {
	digest, _ := proof.CheckpointDigest(checkpoint)
	mined, v := mine(t, 900000)
	for name, tc := range map[string]struct {
		receipt []byte
		headers map[int64]Header
		want    string
	}{
		"no header":  {mined, nil, "Bitcoin block 900000, whose header was not given: without it this is a calendar's word, and no time is certain by it"},
		"pending":    {New(digest, Tree{{Attestation: &Attestation{Kind: Pending, URI: "https://calendar.example"}}}).Bytes(), v.Headers, "https://calendar.example has promised"},
		"other kind": {New(digest, Tree{{Attestation: &Attestation{Tag: [8]byte{1, 2}}}}).Bytes(), v.Headers, "unknown kind (0102"},
	} {
		_, err := Verifier{tc.headers}.VerifyReceipt(checkpoint, tc.receipt)
		if !errors.Is(err, proof.ErrUnchecked) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheEarliestBlockCounts(t *testing.T) {
	first, v := mine(t, 900000)
	f, err := Parse(first)
	if err != nil {
		t.Fatal(err)
	}
	later := header(t)
	later.raw[68] += 60
	copy(later.raw[36:68], f.Digest)
	f.Tree.Merge(Tree{{Attestation: &Attestation{Kind: Bitcoin, Height: 900001}}, {Attestation: &Attestation{Kind: Pending, URI: "https://a.example"}}})
	v.Headers = maps.Clone(v.Headers)
	v.Headers[900001] = later
	block, err := v.Verify(f)
	if err != nil || block.Height != 900000 {
		t.Errorf("got %v, %v", block, err)
	}
	later.raw[40]++
	v.Headers[900001] = later
	if block, err := v.Verify(f); err != nil || block.Height != 900000 {
		t.Errorf("beside an attestation that is wrong: %v, %v", block, err)
	}
	delete(v.Headers, 900000)
	if _, err := v.Verify(f); !errors.Is(err, proof.ErrUnchecked) || !strings.Contains(err.Error(), "has the root") || !strings.Contains(err.Error(), "block 900000, whose header was not given") {
		t.Errorf("with one that is wrong and one whose header is missing: %v", err)
	}
	f.Tree = f.Tree.Prune(func(a *Attestation) bool { return a.Height != 900000 })
	if _, err := v.Verify(f); err == nil || errors.Is(err, proof.ErrUnchecked) {
		t.Errorf("with one that is wrong alone: %v", err)
	}
}

func TestAllBlocksThatWouldDoAreNamed(t *testing.T) {
	receipt, _ := mine(t, 900000)
	f, err := Parse(receipt)
	if err != nil {
		t.Fatal(err)
	}
	f.Tree.Merge(Tree{{Attestation: &Attestation{Kind: Bitcoin, Height: 899999}}, {Attestation: &Attestation{Kind: Pending, URI: "https://a.example"}}})
	const want = "it names Bitcoin block 899999 or 900000, and no header of them was given: without one this is the word of calendars, and no time is certain by it"
	if _, err := (Verifier{}).Verify(f); !errors.Is(err, proof.ErrUnchecked) || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%v", err)
	}
}

func TestHeadersAreReadFromLines(t *testing.T) {
	headers, err := ParseHeaders("# of a friend's node\n\n358391:" + helloHeader + "\n")
	if err != nil || headers[helloHeight] != header(t) {
		t.Errorf("got %v, %v", headers, err)
	}
	for name, text := range map[string]string{
		"no height":        helloHeader,
		"negative":         "-1:" + helloHeader,
		"not hexadecimal":  "1:xyz",
		"too short":        "1:" + helloHeader[2:],
		"no work":          "1:" + "03" + helloHeader[2:],
		"an easier target": "1:" + helloHeader[:144] + "ffff7f20" + helloHeader[152:],
	} {
		if _, err := ParseHeaders(text); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}
