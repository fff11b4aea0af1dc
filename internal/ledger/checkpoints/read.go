package checkpoints

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidentlog/evident/proof"
)

// Size is that of the newest checkpoint that was kept, -1 if none was.
func (l *Log) Size() int64 {
	_, last := l.kept.end()
	return last.size
}

// Newest returns the newest checkpoint that was kept, or ErrNotKept.
func (l *Log) Newest() (Kept, error) { return l.At(l.Size()) }

// At returns the checkpoint of a size, or ErrNotKept.
func (l *Log) At(size int64) (Kept, error) {
	list, err := l.From(size, 1)
	if err == nil && (len(list) == 0 || list[0].Size != size) {
		err = fmt.Errorf("%w: size %d", ErrNotKept, size)
	}
	if err != nil {
		return Kept{}, err
	}
	return list[0], nil
}

// From returns up to limit checkpoints in the order of their sizes, from one that
// is at least so large on.
func (l *Log) From(size int64, limit int) ([]Kept, error) {
	first, err := l.kept.search(size)
	if err != nil {
		return nil, err
	}
	count, _ := l.kept.end()
	var list []Kept
	for i := first; i < count && len(list) < limit; i++ {
		e, err := l.kept.at(i)
		if err != nil {
			return nil, err
		}
		c := proof.Checkpoint{Origin: l.cfg.Origin, Size: e.size, Root: e.root}
		signed := compose(c, l.kept.keys, e.signatures)
		list = append(list, Kept{Checkpoint: c, Signed: signed, Note: signed})
	}
	for _, s := range l.witnesses() {
		if err := s.cosign(list); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// cosign adds what a witness has cosigned of some checkpoints, which are in the
// order of their sizes.
func (s *slots) cosign(list []Kept) error {
	if len(list) == 0 {
		return nil
	}
	i, err := s.search(list[0].Size)
	if err != nil {
		return err
	}
	count, _ := s.end()
	for n := 0; n < len(list) && i < count; {
		e, err := s.at(i)
		if err != nil {
			return err
		}
		switch k := &list[n]; {
		case e.size < k.Size:
			i++
		case e.size > k.Size:
			n++
		case e.root != k.Root:
			return fmt.Errorf("%w: %s: the root hash at size %d is another than the log signed", ErrCorrupt, s.file.Name(), e.size)
		default:
			k.Note = slices.Concat(k.Note, []byte(line(s.keys[0], e.signatures[0])))
			k.Cosigned = append(k.Cosigned, s.keys[0])
			i, n = i+1, n+1
		}
	}
	return nil
}

// NewestWhere returns the newest checkpoint of at least a size that fulfils a
// condition, or ErrNotKept. It looks at no more than the newest most.
func (l *Log) NewestWhere(atLeast int64, most int64, fulfils func(Kept) bool) (Kept, error) {
	count, _ := l.kept.end()
	for i := count - 1; i >= max(0, count-most); i-- {
		e, err := l.kept.at(i)
		if err != nil {
			return Kept{}, err
		}
		if e.size < atLeast {
			break
		}
		k, err := l.At(e.size)
		if err != nil || fulfils(k) {
			return k, err
		}
	}
	return Kept{}, fmt.Errorf("%w: of at least size %d, as it is asked for", ErrNotKept, atLeast)
}

// compose puts a signed note together as note.Sign does.
func compose(c proof.Checkpoint, keys []*proof.Verifier, signatures [][]byte) []byte {
	b := []byte(c.String() + "\n")
	for i, k := range keys {
		b = append(b, line(k, signatures[i])...)
	}
	return b
}

// line is a signature as a line of a note.
func line(k *proof.Verifier, sig []byte) string {
	raw := binary.BigEndian.AppendUint32(nil, k.KeyHash())
	return fmt.Sprintf("— %s %s\n", k.Name(), base64.StdEncoding.EncodeToString(append(raw, sig...)))
}

// signatureOf returns a key's signature of a note that was opened, without the
// key's id.
func signatureOf(n *note.Note, k *proof.Verifier) ([]byte, error) {
	for _, s := range n.Sigs {
		if s.Name != k.Name() || s.Hash != k.KeyHash() {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(s.Base64)
		const idSize = 4
		if err != nil || len(raw) != idSize+signatureSize(k.Algorithm()) {
			return nil, fmt.Errorf("the %v signature of %s has another form than such keys give", k.Algorithm(), k.Name())
		}
		return bytes.Clone(raw[idSize:]), nil
	}
	return nil, errors.New("the checkpoint is not signed by the " + k.Algorithm().String() + " key of " + k.Name())
}

func verifiers(keys []*proof.Verifier) (list []note.Verifier) {
	for _, k := range keys {
		list = append(list, k)
	}
	return list
}
