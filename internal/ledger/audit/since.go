package audit

import (
	"bytes"
	"context"

	"github.com/evidentlog/evident/proof"
)

// sinceStep is how many entries of the root log are read at once.
const sinceStep = 16 * 256

// erasedSince tells whether an offset was erased since the root log was read. It
// reads what the log has gained.
func (a *Audit) erasedSince(ctx context.Context, t *treeLog, offset int64) (bool, error) {
	if t.wasErased(offset) {
		return true, nil
	}
	log := a.cfg.Site.Log("ledger/root")
	note, err := log.Checkpoint(ctx)
	if err != nil {
		return false, err
	}
	opened, err := a.cfg.Trust.Open(note)
	if err != nil {
		return false, finding(a.origin, -1, CheckpointPart, "the newest checkpoint: %v", err)
	}
	view := log.At(opened.Checkpoint)
	for from := a.report.RootEntries; from < opened.Size; from += sinceStep {
		entries, err := view.Entries(ctx, from, min(opened.Size, from+sinceStep))
		if err != nil {
			return false, err
		}
		for _, b := range entries {
			if err := t.noteErased(b); err != nil {
				return false, err
			}
		}
	}
	t.settle()
	return t.wasErased(offset), nil
}

// noteErased takes what an entry of the root log says of the tree's erasures.
func (t *treeLog) noteErased(entry []byte) error {
	if !bytes.HasPrefix(entry, []byte(proof.ErasedEntry+"\n")) {
		return nil
	}
	e, err := proof.ParseRootEntry(entry)
	if err != nil || e.Checkpoint.Origin != t.Origin() {
		return err
	}
	ranges, _, err := e.Erased()
	t.erased = append(t.erased, ranges...)
	return err
}
