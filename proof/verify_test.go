package proof

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestAFileProvesItsRecords(t *testing.T) {
	d := newDeployment(t, orders(300)...)
	f := must[*File](t)(ParseFile(d.file(t, 7, 255, 299).String()))
	r := must[*Report](t)(f.Verify(d.trust()))
	h := r.Heads[0]
	if want := (Tree{testOrigin, "orders", "AAAAAAAAAAAAAAAAAAAAAQ", 3, 0}); h.Tree != want {
		t.Errorf("tree %+v", h.Tree)
	}
	if h.Head.Size != 300 || h.Root.Size != 6 || !h.LoggedAt.Equal(time.UnixMilli(1795629123456)) {
		t.Errorf("head %+v, root %+v, logged at %v", h.Head, h.Root, h.LoggedAt)
	}
	if !reflect.DeepEqual(h.SignedBy, []string{"Ed25519", "ML-DSA-44"}) {
		t.Errorf("signed by %v", h.SignedBy)
	}
	for i, offset := range []int64{7, 255, 299} {
		if got := h.Records[i]; got.Offset != offset || !reflect.DeepEqual(got.Record, order(int(offset))) || got.CommittedAt != -1 {
			t.Errorf("record %d: %+v", i, got)
		}
	}
}

func TestAFileStaysSmall(t *testing.T) {
	d := newDeployment(t, orders(2000)...)
	const limit = 8 << 10
	if n := len(d.file(t, 1999).String()) + (27-11)*45; n > limit { // a log of 100 million records has 27 levels
		t.Errorf("%d bytes", n)
	}
}

// flipped calls f with the text and one bit of each byte flipped: the lowest,
// which gives a letter of base64 another one, or the one of upper and lower case.
func flipped(text string, f func(i int, text string)) {
	b := []byte(text)
	for i := range b {
		bit := [...]byte{0x01, 0x20}[i%2]
		b[i] ^= bit
		f(i, string(b))
		b[i] ^= bit
	}
}

func verify(text string, trust Trust) error {
	f, err := ParseFile(text)
	if err != nil {
		return err
	}
	_, err = f.Verify(trust)
	return err
}

func TestAnyFlippedByteIsFound(t *testing.T) {
	d := newDeployment(t, orders(10)...)
	text := d.file(t, 3).String()
	flipped(text, func(i int, altered string) {
		if verify(altered, d.trust()) == nil {
			t.Fatalf("byte %d of %d flipped, and the file verifies", i, len(text))
		}
	})
}

// An attacker would write the checksum anew.
func TestAnyFlippedByteIsFoundWithoutTheChecksum(t *testing.T) {
	d := newDeployment(t, orders(10)...)
	text := d.file(t, 3).String()
	content, _, _ := strings.Cut(text, sectionStart+endSection)
	errs := map[string]int{}
	second := strings.Index(content, sectionStart+recordLabel)
	flipped(content, func(i int, altered string) {
		err := verify(altered+checksum(altered), d.trust())
		if err == nil {
			t.Fatalf("byte %d of %d flipped, and the file verifies:\n%s", i, len(text), altered)
		}
		errs[err.Error()]++
		part := "head|section 1|proof file: it begins"
		if i >= second+len(sectionStart) { // without it the record is more of the head
			part = "record at offset|section 2|its end is missing"
		}
		if !regexp.MustCompile(part).MatchString(err.Error()) {
			t.Errorf("byte %d flipped (%q), and the error does not name its part: %v", i, content[max(0, i-20):min(len(content), i+20)], err)
		}
	})
	for _, part := range []string{"root entry:", "checkpoint of the root log:", "checkpoint of the partition:", "record at offset 3:"} {
		if !strings.Contains(strings.Join(keysOf(errs), "\n"), part) {
			t.Errorf("no error names %q", part)
		}
	}
}

func keysOf(m map[string]int) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	return keys
}

func TestWrongKeysAreRefused(t *testing.T) {
	d := newDeployment(t, orders(3)...)
	f := d.file(t, 1)
	for want, trust := range map[string]Trust{
		"nothing to check against":        {},
		"none of its signatures":          {Keys: []*Verifier{ed25519Signer(t, testOrigin, 9).Verifier}},
		"is not signed by the Ed25519":    {Keys: []*Verifier{d.pq.Verifier, ed25519Signer(t, testOrigin, 9).Verifier}},
		"the key given is of example.org": {Keys: []*Verifier{d.ed.Verifier, ed25519Signer(t, "example.org", 1).Verifier}},
	} {
		if _, err := f.Verify(trust); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestThePolicyDecides(t *testing.T) {
	d := newDeployment(t, orders(3)...)
	d.witnesses = []*Signer{witness(t, "w1.example", 11), witness(t, "w3.example", 13)}
	f := d.file(t, 1)
	policy := func(quorum string) Trust {
		return Trust{Policy: must[*Policy](t)(ParsePolicy(policyText(t, `
			log LOG
			witness one W1
			witness two W2
			group all-of-them all one two
			quorum `+quorum)))}
	}
	r := must[*Report](t)(f.Verify(policy("one")))
	h := r.Heads[0]
	if want := []Existed{{"witness one", clock().UTC().Truncate(time.Second), time.Second}}; !reflect.DeepEqual(h.Existed, want) {
		t.Errorf("existed %+v, want %+v", h.Existed, want)
	}
	var want []string
	for _, s := range []*Signer{d.pq, d.witnesses[1]} {
		want = append(want, fmt.Sprintf("signature of %q, whose key (%08x) was not given", s.Name(), s.KeyHash()))
	}
	if !reflect.DeepEqual(h.Unknown, want) {
		t.Errorf("unknown %q, want %q", h.Unknown, want)
	}
	if _, err := f.Verify(policy("all-of-them")); err == nil || !strings.Contains(err.Error(), `quorum "all-of-them" is not reached: 1`) {
		t.Error(err)
	}
}

func transactional(kind Kind, epoch int16, key ...byte) Record {
	r := order(0)
	r.Kind, r.Transactional, r.ProducerID, r.ProducerEpoch = kind, true, 77, epoch
	if kind == Control {
		r.Key, r.Headers = key, nil
	}
	return r
}

func TestATransactionalRecordNeedsItsCommit(t *testing.T) {
	other := transactional(Control, 5, 0, 0, 0, 1)
	other.ProducerID = 78
	d := newDeployment(t,
		transactional(Control, 5, 0, 0, 0, 1), // 0: an earlier commit
		transactional(Data, 5),                // 1
		transactional(Control, 5, 0, 0, 0, 1), // 2
		transactional(Control, 6, 0, 0, 0, 1), // 3
		transactional(Control, 5, 0, 0, 0, 0), // 4: an abort
		transactional(Control, 7, 0, 0, 0, 1), // 5: of another epoch
		other,                                 // 6
		order(7),                              // 7
		transactional(Control, 5, 0, 0, 0, 9), // 8: of another kind
	)
	for _, marker := range []int64{2, 3} {
		r := must[*Report](t)(d.file(t, 1, marker, 7).Verify(d.trust()))
		if got := r.Heads[0].Records; len(got) != 2 || got[0].CommittedAt != marker || got[0].OneTransaction != (marker == 3) {
			t.Errorf("marker %d: %+v", marker, got)
		}
	}
	for want, offsets := range map[string][]int64{
		"the marker that commits it is missing": {1},
		"was aborted":                           {1, 4},
		"epoch 7":                               {1, 5},
		"of producer 78":                        {1, 6},
		"no marker follows it":                  {1, 7},
		"lies before it":                        {1, 0},
		"which is no marker":                    {1, 8},
	} {
		if _, err := d.file(t, offsets...).Verify(d.trust()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", offsets, err, want)
		}
	}
}

// An anchorOf vouches for one checkpoint.
type anchorOf struct{ checkpoint, receipt string }

func (a anchorOf) VerifyReceipt(checkpoint string, receipt []byte) (Existed, error) {
	if checkpoint != a.checkpoint || string(receipt) != a.receipt {
		return Existed{}, errors.New("it is for another checkpoint")
	}
	return Existed{"an anchor", clock(), 0}, nil
}

// anchorThatLacks cannot check receipts.
type anchorThatLacks string

func (a anchorThatLacks) VerifyReceipt(string, []byte) (Existed, error) {
	return Existed{}, fmt.Errorf("%w: it needs %s", ErrUnchecked, string(a))
}

func TestReceiptsAreChecked(t *testing.T) {
	d := newDeployment(t, orders(3)...)
	f := d.file(t, 1)
	h := &f.Heads[0]
	h.Receipts = []Receipt{{"test", []byte(strings.Repeat("receipt", 40))}, {"other", []byte("?")}}
	f = must[*File](t)(ParseFile(f.String()))
	trust := d.trust()
	trust.Anchors = map[string]Anchor{"test": anchorOf{h.Root.Signed, string(h.Receipts[0].Data)}}
	r := must[*Report](t)(f.Verify(trust))
	if got := r.Heads[0]; len(got.Existed) != 1 || !reflect.DeepEqual(got.Unknown, []string{"receipt of other"}) {
		t.Errorf("existed %v, unknown %v", got.Existed, got.Unknown)
	}
	trust.Anchors["other"] = anchorThatLacks("a header")
	r = must[*Report](t)(f.Verify(trust))
	if got := r.Heads[0].Unknown; !reflect.DeepEqual(got, []string{"receipt of other: it needs a header"}) {
		t.Errorf("with a receipt that needs more: %v", got)
	}
	f.Heads[0].Receipts[0].Data[0] ^= 1
	if _, err := f.Verify(trust); err == nil || !strings.Contains(err.Error(), "receipt of test") {
		t.Error(err)
	}
}

// Invariants: nothing panics; a file that is read is written the same.
func FuzzParseFile(f *testing.F) {
	d := newDeployment(f, orders(3)...)
	f.Add(d.file(f, 0, 2).String())
	f.Add(fileHeader + "\n\n" + sectionStart + "head\n")
	trust := d.trust()
	f.Fuzz(func(t *testing.T, text string) {
		file, err := ParseFile(text)
		if err != nil {
			return
		}
		if file.String() != text {
			t.Fatal("written differently")
		}
		_, _ = file.Verify(trust)
	})
}

// Invariants as above, for what is below the checksum.
func FuzzVerifyParts(f *testing.F) {
	d := newDeployment(f, orders(3)...)
	good := d.file(f, 1).Heads[0]
	f.Add(good.Root.String(), good.Records[0].String(), []byte("receipt"))
	trust := d.trust()
	f.Fuzz(func(t *testing.T, root, record string, receipt []byte) {
		p, err := ParseInclusion(root)
		if err != nil {
			return
		}
		q, err := ParseInclusion(record)
		if err != nil {
			return
		}
		file := &File{Heads: []Head{{Root: p, Records: []*Inclusion{q}, Receipts: []Receipt{{"x", receipt}}}}}
		_, _ = file.Verify(trust)
	})
}

func TestRootEntriesAreReadAsWritten(t *testing.T) {
	c := Checkpoint{testOrigin + "/orders/id/0/0", 12, Hash{5}}
	for _, e := range []RootEntry{
		{HeadEntry, 5, c, nil, false},
		{ClosedEntry, 5, c, []string{"reason topic deleted"}, false},
		{ErasedEntry, 5, c, []string{"offsets 3,5-9", "by admin"}, false},
		{HeadEntry, 5, c, nil, true},
		{ClosedEntry, 5, c, []string{"reason topic deleted"}, true},
		{ErasedEntry, 5, c, []string{"offsets 3,5-9", "by admin"}, true},
	} {
		if back, err := ParseRootEntry(e.Bytes()); err != nil || !reflect.DeepEqual(back, e) {
			t.Errorf("%+v, %v", back, err)
		}
	}
	for _, e := range []RootEntry{
		{"evident/head/v2", 5, c, nil, false},
		{HeadEntry, -1, c, nil, false},
		{HeadEntry, 5, Checkpoint{"", 12, Hash{5}}, nil, false},
		{HeadEntry, 5, c, []string{"more"}, false},
		{HeadEntry, 5, c, []string{"engine external", "engine external"}, false},
		{HeadEntry, 5, c, []string{"engine embedded"}, false},
		{ClosedEntry, 5, c, nil, false},
		{ClosedEntry, 5, c, []string{"reason "}, false},
		{ErasedEntry, 5, c, []string{"by admin", "offsets 3"}, false},
		{ErasedEntry, 5, c, []string{"offsets ", "by admin"}, false},
		{ErasedEntry, 5, c, []string{"offsets 3,4", "by admin"}, false},
		{ErasedEntry, 5, c, []string{"offsets 5,3", "by admin"}, false},
		{ErasedEntry, 5, c, []string{"offsets 3-3", "by admin"}, false},
		{ErasedEntry, 5, c, []string{"offsets 12", "by admin"}, false},
		{ErasedEntry, 5, c, []string{"offsets 03", "by admin"}, false},
		{ErasedEntry, 5, c, []string{"offsets 0-9223372036854775807,3", "by admin"}, false},
	} {
		if _, err := ParseRootEntry(e.Bytes()); err == nil {
			t.Errorf("%q: accepted", e.Bytes())
		}
	}
}

// What an external cluster may have left out is part of what is signed.
func TestTheReportSaysThatTheLogIsAnExternalCluster(t *testing.T) {
	for _, external := range []bool{false, true} {
		d := newDeployment(t, orders(3)...)
		d.external = external
		r := must[*Report](t)(d.file(t, 1).Verify(d.trust()))
		if r.Heads[0].External != external {
			t.Errorf("external is %v, want %v", r.Heads[0].External, external)
		}
	}
}

// What cannot be written as RFC 3339 has it would keep a report from being shown.
func TestTimesThatHaveNoFormAreLeftOut(t *testing.T) {
	d := newDeployment(t, orders(3)...)
	last := func() time.Time { return time.UnixMilli(maxTime) }
	d.witnesses = []*Signer{must[*Signer](t)(NewEd25519Cosigner("w1.example", ed25519.NewKeyFromSeed(seed(11)), last))}
	policy := must[*Policy](t)(ParsePolicy(policyText(t, "log LOG\nwitness one W1\nquorum one")))
	r := must[*Report](t)(d.file(t, 1).Verify(Trust{Policy: policy}))
	if _, err := json.Marshal(r.Heads[0].Existed); err != nil {
		t.Error(err)
	}
}
