package opentimestamps

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"filippo.io/mldsa"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/evidentlog/evident/proof"
	"github.com/evidentlog/evident/proof/ethereum"
	"github.com/evidentlog/evident/proof/ethereum/rlp"
)

// A sealed is a proof file with all that there can be: two witnesses, and a receipt
// of each anchor, with what they are checked against.
type sealed struct {
	text  string
	trust proof.Trust // asks for both witnesses
}

func newSealed(t *testing.T) *sealed {
	t.Helper()
	now := func() time.Time { return time.Unix(1795629200, 0) }
	seed := bytes.Repeat([]byte{7}, 32)
	tree := proof.Tree{Deployment: "example.com/events", Topic: "orders", TopicID: "AAAAAAAAAAAAAAAAAAAAAQ"}
	pq, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), seed)
	check(t, err)
	log, err := proof.NewEd25519Signer(tree.Deployment, ed25519.NewKeyFromSeed(seed))
	check(t, err)
	partition, err := proof.NewEd25519Signer(tree.Origin(), ed25519.NewKeyFromSeed(seed))
	check(t, err)
	w1, err := proof.NewEd25519Cosigner("w1.example", ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32)), now)
	check(t, err)
	w2, err := proof.NewMLDSA44Signer("w2.example", pq, now)
	check(t, err)

	record := proof.Record{Kind: proof.Data, Timestamp: 1795629100000, ProducerID: -1, ProducerEpoch: -1, Key: []byte("alice"), Value: []byte("9.90")}
	opening := record.AppendCanonical(make([]byte, proof.SaltSize))
	entry := proof.Entry{Offset: 1, Timestamp: record.Timestamp, Commitment: proof.Commit(opening)}
	inPartition := second(t, tree.Origin(), entry.LeafHash(), opening, partition)
	head, err := proof.ParseCheckpoint(strings.SplitAfter(inPartition.Signed, "\n\n")[0][:strings.Index(inPartition.Signed, "\n\n")+1])
	check(t, err)
	root := proof.RootEntry{Kind: proof.HeadEntry, Time: 1795629190000, Checkpoint: head}
	inRoot := second(t, tree.Deployment, tlog.RecordHash(root.Bytes()), root.Bytes(), log, w1, w2)

	digest, err := proof.CheckpointDigest(inRoot.Signed)
	check(t, err)
	stamped, bitcoin := stamp(t, digest)
	receipt, block := slotWith(digest)
	policy, err := proof.ParsePolicy(fmt.Sprintf("log %s\nwitness one %s\nwitness two %s\ngroup both 2 one two\nquorum both\n", log.Verifier, w1.Verifier, w2.Verifier))
	check(t, err)
	f := &proof.File{Heads: []proof.Head{{
		Root: inRoot, Records: []*proof.Inclusion{inPartition},
		Receipts: []proof.Receipt{{Anchor: "opentimestamps", Data: stamped}, {Anchor: "ethereum", Data: receipt}},
	}}}
	return &sealed{f.String(), proof.Trust{Policy: policy, Now: now(), Anchors: map[string]proof.Anchor{
		"opentimestamps": bitcoin, "ethereum": ethereum.Verifier{Blocks: []ethereum.Hash{block}},
	}}}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// second proves the second of two leaves.
func second(t *testing.T, origin string, leaf proof.Hash, extra []byte, signers ...note.Signer) *proof.Inclusion {
	t.Helper()
	first := tlog.RecordHash([]byte("first"))
	c := proof.Checkpoint{Origin: origin, Size: 2, Root: tlog.NodeHash(first, leaf)}
	signed, err := note.Sign(&note.Note{Text: c.String()}, signers...)
	check(t, err)
	return &proof.Inclusion{Extra: extra, Index: 1, Path: []proof.Hash{first}, Signed: string(signed)}
}

// stamp is mine for another digest.
func stamp(t *testing.T, digest [32]byte) (receipt []byte, v Verifier) {
	t.Helper()
	const height = 900000
	root := sha256.Sum256(append(digest[:], "beside it"...))
	h := header(t)
	copy(h.raw[36:], root[:])
	copy(h.raw[68:], []byte{0xd8, 0x56, 0x07, 0x6b}) // 1795643096
	f := New(digest, Tree{{Op: Append, Argument: []byte("beside it"), Then: Tree{{Op: SHA256, Then: Tree{{Attestation: &Attestation{Kind: Bitcoin, Height: height}}}}}}})
	return f.Bytes(), Verifier{Headers: map[int64]Header{height: h}}
}

// slotWith is a receipt of a chain with one account, which has one slot.
func slotWith(digest [32]byte) (receipt []byte, block ethereum.Hash) {
	leaf := func(path ethereum.Hash, value []byte) []byte {
		return rlp.AppendList(nil, rlp.AppendString(nil, append([]byte{0x20}, path[:]...)), rlp.AppendString(nil, value))
	}
	slot := ethereum.Hash{31: ethereum.DigestSlot}
	storage := leaf(ethereum.Sum(slot[:]), rlp.AppendString(nil, digest[:]))
	code, _ := ethereum.ParseHash(ethereum.CodeHash)
	root := ethereum.Sum(storage)
	contract := ethereum.Address{1, 2, 3}
	account := leaf(ethereum.Sum(contract[:]), rlp.AppendList(nil, rlp.AppendUint(nil, 1), rlp.AppendUint(nil, 0), rlp.AppendString(nil, root[:]), rlp.AppendString(nil, code[:])))
	state := ethereum.Sum(account)
	var fields [][]byte
	for range 16 {
		fields = append(fields, rlp.AppendUint(nil, 5))
	}
	fields[3], fields[8], fields[11] = rlp.AppendString(nil, state[:]), rlp.AppendUint(nil, 77), rlp.AppendUint(nil, 1795629300)
	r := ethereum.Receipt{Contract: contract, Header: rlp.AppendList(nil, fields...), Account: [][]byte{account}, Storage: [][]byte{storage}}
	return r.Bytes(), ethereum.Sum(r.Header)
}

// resealed is a file with its checksum written anew, as an attacker would.
func resealed(content string) string {
	return fmt.Sprintf("%s--- end\nsha256 %x\n", content, sha256.Sum256([]byte(content)))
}

func (s *sealed) verify(text string) (*proof.ProvenHead, error) {
	f, err := proof.ParseFile(text)
	if err != nil {
		return nil, err
	}
	r, err := f.Verify(s.trust)
	if err != nil {
		return nil, err
	}
	return &r.Heads[0], nil
}

// parts are the sections of a file, with what names them in errors.
func parts(content string) (ends []int, names []*regexp.Regexp) {
	sections := strings.SplitAfter(content, "\n--- ")
	for i, at := 0, 0; i < len(sections); i++ {
		at += len(sections[i])
		name := "proof file: it begins"
		if i > 0 {
			label, _, _ := strings.Cut(sections[i], "\n")
			name = map[string]string{"head": "head 1", "record": "record at offset", "receipt ethereum": "receipt of ethereum", "receipt opentimestamps": "receipt of opentimestamps"}[label] +
				fmt.Sprintf("|section %d", i)
		}
		ends, names = append(ends, at), append(names, regexp.MustCompile(name))
	}
	return ends, names
}

// Whichever byte of a proof file is altered, its witnesses and receipts among
// them: the file is not proven, and the part is named; or what the byte belongs
// to makes nothing certain any more, and the report names it as unchecked: such
// are the bytes of an anchor's name, and of the kind and the height of a block in a
// timestamp.
func TestAnyAlteredByteOfAFileWithReceiptsIsFoundAndNamed(t *testing.T) {
	s := newSealed(t)
	whole, err := s.verify(s.text)
	check(t, err)
	if len(whole.Existed) != 4 || len(whole.Unknown) != 0 {
		t.Fatalf("existed %v, unknown %q", whole.Existed, whole.Unknown)
	}
	content, _, _ := strings.Cut(s.text, "--- end\n")
	ends, names := parts(content)
	part, unchecked := 0, 0
	for i := range len(content) {
		for i >= ends[part] {
			part++
		}
		altered := []byte(content)
		altered[i] ^= [...]byte{0x01, 0x20}[i%2] // another letter of base64, or of upper or lower case
		h, err := s.verify(resealed(string(altered)))
		at := fmt.Sprintf("byte %d altered (%q)", i, content[max(0, i-20):min(len(content), i+20)])
		switch {
		case err == nil:
			unchecked++
			mustClaimLess(t, whole, h, at)
		case !names[part].MatchString(err.Error()) && !atSeam(i, ends) && !strings.Contains(err.Error(), "has another form"):
			t.Errorf("%s, and the error does not name its part: %v", at, err)
		}
	}
	if unchecked == 0 || unchecked > 100 {
		t.Errorf("%d alterations leave the file proven, with less", unchecked)
	}
	for i := len(content); i < len(s.text); i++ {
		altered := []byte(s.text)
		altered[i] ^= 1
		if _, err := s.verify(string(altered)); err == nil || !strings.Contains(err.Error(), "checksum is wrong") && !strings.Contains(err.Error(), "its end is missing") {
			t.Errorf("byte %d of the checksum altered: %v", i, err)
		}
	}
}

// atSeam tells whether a byte is of the line between two sections: without it the
// later one is more of the earlier one.
func atSeam(i int, ends []int) bool {
	const line = len("\n--- receipt opentimestamps\n")
	for _, end := range ends {
		if i >= end-len("\n--- ") && i < end-len("\n--- ")+line {
			return true
		}
	}
	return false
}

// mustClaimLess asks that a report claims no more than another one, and says what
// it could not check. Records and heads are the same.
func mustClaimLess(t *testing.T, whole, h *proof.ProvenHead, what string) {
	t.Helper()
	if !reflect.DeepEqual(h.Records, whole.Records) || h.Head != whole.Head || h.Root != whole.Root || !h.LoggedAt.Equal(whole.LoggedAt) {
		t.Errorf("%s, and it proves something else: %+v", what, h)
	}
	for _, e := range h.Existed {
		found := false
		for _, before := range whole.Existed {
			found = found || e == before
		}
		if !found {
			t.Errorf("%s, and %v is certain", what, e)
		}
	}
	if len(h.Existed) >= len(whole.Existed) || len(h.Unknown) != 1 || !strings.HasPrefix(h.Unknown[0], "receipt of ") {
		t.Errorf("%s: existed %v, unknown %q", what, h.Existed, h.Unknown)
	}
}
