package audit

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/evidentlog/evident/proof"
)

// readRoot reads the whole root log, compares it with all checkpoints that were
// kept, and notes the heads of the trees that are audited.
func (a *Audit) readRoot(ctx context.Context) error {
	log := a.cfg.Site.Log("ledger/root")
	note, err := log.Checkpoint(ctx)
	if err != nil {
		return err
	}
	opened, err := a.cfg.Trust.Open(note)
	if err != nil {
		return finding("root log", -1, CheckpointPart, "the newest checkpoint: %v", err)
	}
	a.origin, a.report.Origin, a.report.RootEntries = opened.Origin, opened.Origin, opened.Size
	kept := &keptMarks{site: a.cfg.Site, trust: a.cfg.Trust, policy: a.cfg.Trust, newest: opened.Checkpoint}
	if kept.trust.Policy != nil {
		kept.trust.Policy = kept.trust.Policy.WithoutQuorum()
	}
	ck := &checker{log: log, name: opened.Origin, marks: kept}
	if err := ck.begin(ctx, 0, proof.Hash{}); err != nil {
		return err
	}
	for from := int64(0); from < opened.Size; {
		c, err := readChunk(ctx, log, opened.Origin, opened.Size, from, chunkEnd(from, opened.Size))
		if err != nil {
			return err
		}
		others := map[int]proof.Hash{}
		if err := ck.add(ctx, c.leaves(ck, others), others); err != nil {
			return err
		}
		for i, e := range c.entries {
			if err := a.takeEntry(from+int64(i), e); err != nil {
				return err
			}
		}
		from = c.end()
	}
	a.report.Checkpoints, a.report.Quorate = kept.count, kept.quorate
	for _, t := range a.trees {
		t.settle()
		if err := t.flush(); err != nil {
			return err
		}
	}
	return ck.end(ctx)
}

// kinds are the first lines of entries that are understood.
var kinds = []string{proof.HeadEntry, proof.ClosedEntry, proof.ErasedEntry}

func (a *Audit) takeEntry(index int64, b []byte) error {
	first, _, _ := bytes.Cut(b, []byte("\n"))
	if !slices.Contains(kinds, string(first)) {
		a.report.Unknown++
		return nil
	}
	e, err := proof.ParseRootEntry(b)
	var t proof.Tree
	if err == nil {
		t, err = proof.ParseOrigin(a.origin, e.Checkpoint.Origin)
	}
	if err != nil {
		return finding(a.origin, index, HeadPart, "entry %d of the root log: %v", index, err)
	}
	a.topics[t.Topic] = true
	if !a.selected(t) {
		return nil
	}
	tl := a.trees[t]
	if tl == nil {
		tl = &treeLog{Tree: t, fs: a.cfg.FS, file: fmt.Sprintf("%s/%012d.heads", a.cfg.Dir, len(a.trees)+1)}
		a.trees[t] = tl
	}
	if problem := tl.forbids(&e); problem != "" {
		return finding(t.Origin(), -1, HeadPart, "entry %d of the root log: %s", index, problem)
	}
	return tl.head(index, &e)
}
