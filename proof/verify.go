package proof

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Trust is what a verifier believes beforehand.
type Trust struct {
	// Keys are the root log's. Each of them must have signed. Needed unless
	// Policy names logs.
	Keys []*Verifier
	// Policy, if there is one, must be fulfilled by the root log's checkpoints.
	Policy *Policy
	// Anchors check receipts, by kind. Receipts of other kinds are passed over,
	// and the report says so.
	Anchors map[string]Anchor
	// Now is the verifier's clock. The time in a cosignature that lies after it is
	// not used. Zero: none does.
	Now time.Time
}

// An Anchor checks receipts of one kind.
type Anchor interface {
	// VerifyReceipt tells since when the checkpoint, a signed note, is known to
	// have existed, and by what. The error is ErrUnchecked if nothing is wrong
	// with the receipt, and it needs more to say so.
	VerifyReceipt(checkpoint string, receipt []byte) (Existed, error)
}

// ErrUnchecked says that a receipt can be neither confirmed nor refuted: it is
// pending, or what it leads to was not given. The report has the reason.
var ErrUnchecked = errors.New("not checked")

// Existed tells that a checkpoint existed at a time, and by whose word.
type Existed struct {
	By       string        // a witness's name, a block
	Clock    time.Time     // when, as their clock has it
	Accuracy time.Duration // by how much that clock may be behind
}

// NotAfter is until when the checkpoint existed for certain.
func (e Existed) NotAfter() time.Time { return e.Clock.Add(e.Accuracy) }

// A Report says what a proof file proves.
type Report struct {
	Heads []ProvenHead
}

// A ProvenHead is the head of a partition's tree that a root log contains.
type ProvenHead struct {
	Tree     Tree
	Head     Checkpoint // of the partition
	Root     Checkpoint // of the root log
	LoggedAt time.Time  // the log's claim
	SignedBy []string   // the root log's keys that signed, by algorithm
	Cosigned []string   // witnesses that have seen no other version of the root log
	Existed  []Existed  // what witnesses and anchors make certain of the time
	Unknown  []string   // signatures and receipts that nobody could check, times that cannot be
	Records  []ProvenRecord
	// External tells that the log is a cluster that does not wait for the ledger:
	// that something was omitted before the ledger saw it cannot be excluded.
	External bool

	signedAt time.Time // newest time in a signature of the log's own keys
}

// A ProvenRecord was at an offset of the partition.
type ProvenRecord struct {
	Offset int64
	Record Record
	// CommittedAt is the offset of the marker that committed the record's
	// transaction; -1 if the record is part of none.
	CommittedAt int64
	// OneTransaction tells that the marker can have ended no other transaction:
	// its epoch is the record's next one (KIP-890). Without it the producer may
	// have had more than one in the record's epoch, of which an earlier one, with
	// the record, may have been aborted.
	OneTransaction bool
}

var errNoKeys = errors.New("nothing to check against: give a key of the root log, or a policy that names one")

// Verify checks everything in the file and tells what it proves. The error says
// which part is wrong.
func (f *File) Verify(t Trust) (*Report, error) {
	if len(t.logKeys()) == 0 {
		return nil, errNoKeys
	}
	r := &Report{}
	for i := range f.Heads {
		head, err := t.verifyHead(&f.Heads[i])
		if err != nil {
			return nil, fmt.Errorf("head %d: %w", i+1, err)
		}
		r.Heads = append(r.Heads, *head)
	}
	return r, nil
}

func (t *Trust) verifyHead(h *Head) (*ProvenHead, error) {
	proven, err := t.openRoot(h.Root.Signed)
	if err != nil {
		return nil, fmt.Errorf("checkpoint of the root log: %w", err)
	}
	if err := h.Root.check(proven.Root, tlog.RecordHash(h.Root.Extra)); err != nil {
		return nil, fmt.Errorf("root entry: %w", err)
	}
	entry, err := ParseRootEntry(h.Root.Extra)
	if err != nil {
		return nil, err
	}
	proven.Head, proven.External = entry.Checkpoint, entry.External
	proven.LoggedAt = time.UnixMilli(entry.Time).UTC()
	if proven.Tree, err = ParseOrigin(proven.Root.Origin, entry.Checkpoint.Origin); err != nil {
		return nil, fmt.Errorf("root entry: %w", err)
	}
	proven.doubt(proven.LoggedAt)
	if err := t.verifyReceipts(h, proven); err != nil {
		return nil, err
	}
	return proven, t.verifyRecords(h, proven)
}

// openRoot checks who signed a checkpoint of the root log.
func (t *Trust) openRoot(signed string) (*ProvenHead, error) {
	known := slices.Clone(t.Keys)
	if t.Policy != nil {
		known = append(known, t.Policy.verifiers()...)
	}
	n, err := openNote(signed, known)
	if err != nil {
		return nil, err
	}
	proven := &ProvenHead{}
	if proven.Root, err = ParseCheckpoint(n.Text); err != nil {
		return nil, err
	}
	if err := t.checkLogs(n, proven); err != nil {
		return nil, err
	}
	if err := t.checkWitnesses(n, proven); err != nil {
		return nil, err
	}
	for _, s := range n.UnverifiedSigs {
		proven.Unknown = append(proven.Unknown, fmt.Sprintf("signature of %q, whose key (%08x) was not given", s.Name, s.Hash))
	}
	return proven, nil
}

// openNote reads a signed note with keys that may repeat. Its errors are in our
// own words.
func openNote(signed string, known []*Verifier) (*note.Note, error) {
	verifiers, err := distinct(known)
	if err != nil {
		return nil, err
	}
	n, err := note.Open([]byte(signed), note.VerifierList(verifiers...))
	var invalid *note.InvalidSignatureError
	var unverified *note.UnverifiedNoteError
	switch {
	case errors.As(err, &invalid):
		return nil, fmt.Errorf("the signature of %s (key %08x) is wrong: the checkpoint or the signature was altered", invalid.Name, invalid.Hash)
	case errors.As(err, &unverified):
		return nil, fmt.Errorf("none of its signatures is of a key that was given; it is signed by %s", signers(unverified.Note))
	case err != nil:
		return nil, fmt.Errorf("not a signed note: %w", err)
	}
	return n, checkForms(n)
}

// distinct leaves out keys that repeat. Other keys with the same name and key id
// are refused: a signature says no more than these two of who made it, and ids
// are short enough that one can be made to fit another's.
func distinct(known []*Verifier) ([]note.Verifier, error) {
	type label struct {
		name string
		hash uint32
	}
	seen := map[label]*Verifier{}
	var list []note.Verifier
	for _, v := range known {
		at := label{v.name, v.hash}
		switch other := seen[at]; {
		case other == nil:
			seen[at] = v
			list = append(list, v)
		case other.algorithm != v.algorithm || !other.sameKey(v):
			return nil, fmt.Errorf("two of the keys given have the name %q and the id %08x, so that nobody can tell their signatures apart", v.name, v.hash)
		}
	}
	return list, nil
}

// checkForms refuses signatures whose base64 has stray bits, which note.Open lets pass.
func checkForms(n *note.Note) error {
	for _, s := range slices.Concat(n.Sigs, n.UnverifiedSigs) {
		if _, err := decodeBase64(s.Base64); err != nil {
			return fmt.Errorf("signature of %q: %w", s.Name, err)
		}
	}
	return nil
}

func signers(n *note.Note) string {
	var names []string
	for _, s := range n.UnverifiedSigs {
		names = append(names, fmt.Sprintf("%q (key %08x)", s.Name, s.Hash))
	}
	return strings.Join(names, ", ")
}

func find(n *note.Note, v *Verifier) (note.Signature, bool) {
	i := slices.IndexFunc(n.Sigs, func(s note.Signature) bool { return s.Hash == v.hash && s.Name == v.name })
	if i < 0 {
		return note.Signature{}, false
	}
	return n.Sigs[i], true
}

// checkLogs asks for the signatures of all keys that were given, and of one of
// the policy's logs.
func (t *Trust) checkLogs(n *note.Note, proven *ProvenHead) error {
	add := func(v *Verifier, s note.Signature) {
		if at := v.signedAt(s); at.After(proven.signedAt) {
			proven.signedAt = at
		}
		if name := v.algorithm.String(); !slices.Contains(proven.SignedBy, name) {
			proven.SignedBy = append(proven.SignedBy, name)
		}
	}
	for _, k := range t.Keys {
		if k.name != proven.Root.Origin {
			return fmt.Errorf("it is of the log %s, and the key given is of %s", proven.Root.Origin, k.name)
		}
		s, ok := find(n, k)
		if !ok {
			return fmt.Errorf("it is not signed by the %v key of %s that was given", k.algorithm, k.name)
		}
		add(k, s)
	}
	if t.Policy == nil || len(t.Policy.Logs) == 0 {
		return nil
	}
	for _, l := range t.Policy.Logs {
		if s, ok := find(n, l.Key); ok && l.Key.name == proven.Root.Origin {
			add(l.Key, s)
			return nil
		}
	}
	return fmt.Errorf("no log of the policy has signed it; its origin is %s", proven.Root.Origin)
}

func (t *Trust) checkWitnesses(n *note.Note, proven *ProvenHead) error {
	if t.Policy == nil {
		return nil
	}
	cosigned := map[string]bool{}
	for _, w := range t.Policy.Witnesses {
		s, ok := find(n, w.Key)
		if !ok {
			continue
		}
		cosigned[w.Name] = true
		proven.Cosigned = append(proven.Cosigned, w.Name)
		if at := w.Key.signedAt(s); !at.IsZero() {
			// The time is in whole seconds, rounded down: the witness may have signed at
			// any moment of that second, and it is certain only at its end.
			t.take(proven, Existed{"witness " + w.Name, at, time.Second})
		}
	}
	if !t.Policy.fulfilled(cosigned) {
		return fmt.Errorf("the policy's quorum %q is not reached: %d of its witnesses cosigned", t.Policy.quorum, len(cosigned))
	}
	return nil
}

func (t *Trust) verifyReceipts(h *Head, proven *ProvenHead) error {
	for _, r := range h.Receipts {
		anchor := t.Anchors[r.Anchor]
		if anchor == nil {
			proven.Unknown = append(proven.Unknown, "receipt of "+r.Anchor)
			continue
		}
		existed, err := anchor.VerifyReceipt(h.Root.Signed, r.Data)
		switch {
		case errors.Is(err, ErrUnchecked):
			reason := strings.TrimPrefix(err.Error(), ErrUnchecked.Error()+": ")
			proven.Unknown = append(proven.Unknown, fmt.Sprintf("receipt of %s: %s", r.Anchor, reason))
		case err != nil:
			return fmt.Errorf("receipt of %s: %w", r.Anchor, err)
		default:
			proven.Existed = append(proven.Existed, existed)
		}
	}
	return nil
}

// verifyRecords checks the records of a head, each with the marker that it needs.
func (t *Trust) verifyRecords(h *Head, proven *ProvenHead) error {
	for i, p := range h.Records {
		signed := i > 0 && p.Signed == h.Records[i-1].Signed // checked already
		record, err := t.verifyRecord(p, proven, signed)
		if err != nil {
			return fmt.Errorf("record at offset %d: %w", p.Index, err)
		}
		if i > 0 && awaitsMarker(proven) {
			last := &proven.Records[len(proven.Records)-1]
			if err := last.commit(p.Index, &record); err != nil {
				return err
			}
			continue
		}
		proven.Records = append(proven.Records, ProvenRecord{Offset: p.Index, Record: record, CommittedAt: -1})
	}
	if awaitsMarker(proven) {
		last := proven.Records[len(proven.Records)-1]
		return fmt.Errorf("record at offset %d: it is part of a transaction, and the marker that commits it is missing", last.Offset)
	}
	return nil
}

func awaitsMarker(proven *ProvenHead) bool {
	if len(proven.Records) == 0 {
		return false
	}
	last := proven.Records[len(proven.Records)-1]
	return last.Record.Kind == Data && last.Record.Transactional && last.CommittedAt < 0
}

func (t *Trust) verifyRecord(p *Inclusion, proven *ProvenHead, signed bool) (Record, error) {
	if !signed {
		if err := t.checkPartition(p.Signed, proven.Head); err != nil {
			return Record{}, fmt.Errorf("checkpoint of the partition: %w", err)
		}
	}
	if len(p.Extra) < SaltSize {
		return Record{}, errors.New("salt and record are missing")
	}
	record, err := ParseRecord(p.Extra[SaltSize:])
	if err != nil {
		return Record{}, err
	}
	entry := Entry{Offset: p.Index, Timestamp: record.Timestamp, Commitment: Commit(p.Extra)}
	return record, p.check(proven.Head, entry.LeafHash())
}

// checkPartition asks that a partition's checkpoint is the one in the root
// entry, and signed by the root log's Ed25519 key where that is known.
func (t *Trust) checkPartition(signed string, head Checkpoint) error {
	var known []*Verifier
	for _, k := range t.logKeys() {
		if k.algorithm == Ed25519 {
			partition, err := k.Named(head.Origin)
			if err != nil {
				return err
			}
			known = append(known, partition)
		}
	}
	var text string
	if len(known) > 0 {
		n, err := openNote(signed, known)
		if err != nil {
			return err
		}
		text = n.Text
	} else if i := bytes.LastIndex([]byte(signed), []byte("\n\n")); i >= 0 {
		text = signed[:i+1]
	}
	if text != head.String() {
		return fmt.Errorf("it is not the head of %s at size %d that the root log has", head.Origin, head.Size)
	}
	return nil
}

func (t *Trust) logKeys() []*Verifier {
	keys := slices.Clone(t.Keys)
	if t.Policy != nil {
		for _, l := range t.Policy.Logs {
			keys = append(keys, l.Key)
		}
	}
	return keys
}

// Types of control records, by the second number of their key (KIP-98).
const (
	abortMarker  = 0
	commitMarker = 1
)

// commit takes the marker that follows a transactional record in a file.
func (r *ProvenRecord) commit(offset int64, marker *Record) error {
	next := r.Record.ProducerEpoch + 1
	switch {
	case marker.Kind != Control || len(marker.Key) < 4:
		return fmt.Errorf("record at offset %d: it is part of a transaction, and no marker follows it in the file", r.Offset)
	case offset <= r.Offset:
		return fmt.Errorf("record at offset %d: the marker at offset %d lies before it", r.Offset, offset)
	case marker.ProducerID != r.Record.ProducerID:
		return fmt.Errorf("record at offset %d: the marker is of producer %d, and the record of producer %d", r.Offset, marker.ProducerID, r.Record.ProducerID)
	case marker.ProducerEpoch != r.Record.ProducerEpoch && marker.ProducerEpoch != next:
		return fmt.Errorf("record at offset %d: the marker is of the producer's epoch %d, and the record of epoch %d", r.Offset, marker.ProducerEpoch, r.Record.ProducerEpoch)
	}
	switch kind := binary.BigEndian.Uint16(marker.Key[2:]); kind {
	case commitMarker:
		r.CommittedAt, r.OneTransaction = offset, marker.ProducerEpoch == next
		return nil
	case abortMarker:
		return fmt.Errorf("record at offset %d: its transaction was aborted", r.Offset)
	default:
		return fmt.Errorf("record at offset %d: a control record of type %d follows it, which is no marker", r.Offset, kind)
	}
}
