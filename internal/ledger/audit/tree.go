package audit

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidentlog/evident/internal/ledger/leaves"
	"github.com/evidentlog/evident/internal/ledger/remote"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/proof"
)

// auditTree compares a tree with its records, entries, tiles and heads, from
// where it was interrupted on.
func (a *Audit) auditTree(ctx context.Context, t *treeLog) (TreeReport, error) {
	done := a.progress(t)
	r := TreeReport{Topic: t.Topic, TopicID: t.TopicID, Partition: t.Partition, Generation: t.Generation,
		Origin: t.Origin(), Size: t.newest.Size, Closed: t.closed, Counts: done.counts}
	log := a.treeLog(t)
	ck := &checker{log: log, name: t.Origin(), marks: &headReader{tree: t}}
	if err := ck.begin(ctx, done.size, done.root); err != nil {
		return r, err
	}
	if err := a.checkTreeCheckpoint(ctx, log, t); err != nil {
		return r, err
	}
	if t.source != nil {
		if err := t.source.start(ctx, done.size); err != nil {
			return r, err
		}
		defer t.source.stop()
	}
	chunks := a.readAhead(ctx, log, t, done.size)
	defer chunks.stop()
	m := &maker{tree: t, codecs: &batch.Codecs{}, names: leaves.Names{}, ck: ck, erasedSince: a.erasedSince}
	unsaved := r.Counts
	for ck.served.Size() < t.newest.Size {
		c, err := chunks.next()
		if err != nil {
			return r, err
		}
		others, err := m.take(ctx, c)
		if err != nil {
			return r, err
		}
		if err := ck.add(ctx, c.leaves(ck, others), others); err != nil {
			return r, err
		}
		unsaved.add(m.counts)
		a.cfg.Added(int64(len(c.entries)))
		if ck.clean() && a.timeToSave() {
			if err := a.keep(ctx, t, ck, unsaved); err != nil {
				return r, err
			}
		}
	}
	r.Counts, r.Heads = unsaved, ck.checked
	if err := ck.end(ctx); err != nil {
		return r, err
	}
	return r, a.keep(ctx, t, ck, unsaved)
}

// treeLog returns where the node serves a tree.
func (a *Audit) treeLog(t *treeLog) *remote.Log {
	return a.cfg.Site.Log(fmt.Sprintf("ledger/trees/%s/%s/%d/%d", url.PathEscape(t.Topic), url.PathEscape(t.TopicID), t.Partition, t.Generation))
}

// checkTreeCheckpoint asks that the tree's own checkpoint is signed, and is the
// newest head if it has that size.
func (a *Audit) checkTreeCheckpoint(ctx context.Context, log *remote.Log, t *treeLog) error {
	text, err := log.Checkpoint(ctx)
	if err != nil {
		return err
	}
	var known []note.Verifier
	for _, k := range a.cfg.Trust.LogKeys() {
		if k.Algorithm() != proof.Ed25519 {
			continue
		}
		named, err := k.Named(t.Origin())
		if err != nil {
			return err
		}
		known = append(known, named)
	}
	if len(known) == 0 {
		return nil // it is signed with the Ed25519 key only
	}
	n, err := note.Open([]byte(text), note.VerifierList(known...))
	if err != nil {
		return finding(t.Origin(), -1, CheckpointPart, "the checkpoint of the tree: the signature is wrong, or the checkpoint was altered: %v", err)
	}
	c, err := proof.ParseCheckpoint(n.Text)
	if err == nil && (c.Origin != t.Origin() || c.Size < t.newest.Size || c.Size == t.newest.Size && c.Root != t.newest.Root) {
		err = fmt.Errorf("it is of %s at size %d with root hash %v, and the root log has size %d and %v", c.Origin, c.Size, c.Root, t.newest.Size, t.newest.Root)
	}
	if err != nil {
		return finding(t.Origin(), -1, CheckpointPart, "the checkpoint of the tree: %v", err)
	}
	return nil
}

// A reading reads the chunks of a tree ahead of their use.
type reading struct {
	chunks chan readChunkResult
	cancel context.CancelFunc
}

type readChunkResult struct {
	*chunk
	err error
}

// chunksAhead is how many chunks wait to be used: some 2 MB each.
const chunksAhead = 2

func (a *Audit) readAhead(ctx context.Context, log *remote.Log, t *treeLog, from int64) *reading {
	ctx, cancel := context.WithCancel(ctx)
	r := &reading{make(chan readChunkResult, chunksAhead), cancel}
	go func() {
		defer close(r.chunks)
		for from < t.newest.Size {
			c, err := a.readTreeChunk(ctx, log, t, from)
			select {
			case r.chunks <- readChunkResult{c, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
			from = c.end()
		}
	}()
	return r
}

func (r *reading) next() (*chunk, error) {
	c := <-r.chunks
	return c.chunk, c.err
}

// stop ends the reading and waits for its end.
func (r *reading) stop() {
	r.cancel()
	for range r.chunks {
	}
}

func (a *Audit) readTreeChunk(ctx context.Context, log *remote.Log, t *treeLog, from int64) (*chunk, error) {
	c, err := readChunk(ctx, log, t.Origin(), t.newest.Size, from, chunkEnd(from, t.newest.Size))
	if err != nil || t.source == nil {
		return c, err
	}
	c.salts, err = a.readSalts(ctx, t, from, len(c.entries))
	return c, err
}

// originHeader tells which tree salts are of.
const originHeader = "Evident-Origin"

func (a *Audit) readSalts(ctx context.Context, t *treeLog, from int64, count int) ([]byte, error) {
	path := fmt.Sprintf("v1/topics/%s/partitions/%d/salts?from=%d&count=%d", url.PathEscape(t.Topic), t.Partition, from, count)
	b, header, err := a.cfg.Site.GetBytes(ctx, path, count*proof.SaltSize)
	if err != nil && !errors.Is(err, remote.ErrAltered) {
		return nil, fmt.Errorf("salts: %w", err)
	}
	if got := header.Get(originHeader); err == nil && got != t.Origin() {
		return nil, fmt.Errorf("salts of %s are wanted, and the node has those of %q: was the topic made anew, or cut back, meanwhile? Start the audit again", t.Origin(), got)
	}
	if err != nil || len(b) != count*proof.SaltSize {
		return nil, finding(t.Origin(), from, SaltPart, "the salts from offset %d on: %d bytes, not %d", from, len(b), count*proof.SaltSize)
	}
	return b, nil
}
