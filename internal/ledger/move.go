package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/evidentlog/evident/internal/bucket"
	"github.com/evidentlog/evident/internal/ledger/shared"
	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/proof"
)

const (
	// moveBytes of rounds go into the bucket at once: as many as make a block.
	moveBytes = 256 << 10
	// moveTells is how often a node says how far it is.
	moveTells = 10 * time.Second
)

// A mover puts the history of a folder that one node has used alone into a
// bucket, as the rounds that it would have there.
type mover struct {
	l     *Ledger
	end   int64            // of the root log
	root  *tree.Tree       // of the root log, as far as it was moved
	sizes map[string]int64 // of trees by then, by origin
}

// move puts what the folder has into a bucket that has nothing but, if a node was
// stopped in it, the beginning of that. The bucket is claimed before, so that no
// other node begins there, and the folder is bound to it, so that it does not grow
// alone any more: each step may be done again.
func (l *Ledger) move(ctx context.Context, b *bucket.Bucket) error {
	text, err := shared.Claim(ctx, b, l.cfg.Origin, l.publicKeys())
	if err != nil {
		return err
	}
	m := &mover{l: l, end: l.rootHead().Size, root: &tree.Tree{}, sizes: map[string]int64{}}
	j := shared.New(b)
	if err := m.compare(ctx, j); err != nil {
		return err
	}
	if err := l.store.Bind(text); err != nil {
		return err
	}
	l.cfg.Logger.Info("the ledger is moved into the bucket", "entries", m.end, "there", m.root.Size(), "bucket", b)
	if err := m.upload(ctx, j); err != nil {
		return fmt.Errorf("moving the ledger in %s into %v, which goes on when the node is started again: %w", l.cfg.Dir, b, err)
	}
	if err := shared.Release(ctx, b, text); err != nil {
		return err
	}
	l.cfg.Logger.Info("the ledger was moved into the bucket, and other nodes may share it", "bucket", b)
	return nil
}

// compare reads what is in the bucket, which must be the folder's.
func (m *mover) compare(ctx context.Context, j *shared.Journal) error {
	for {
		r, err := j.Next(ctx)
		if r == nil || err != nil {
			return err
		}
		if err := m.passOver(r); err != nil {
			return err
		}
	}
}

// upload writes the rounds that are not in the bucket.
func (m *mover) upload(ctx context.Context, j *shared.Journal) error {
	told := time.Now()
	for m.root.Size() < m.end {
		rounds, err := m.block()
		if err != nil {
			return err
		}
		err = j.Propose(ctx, rounds...)
		if errors.Is(err, bucket.ErrTaken) || errors.Is(err, bucket.ErrConflict) {
			return fmt.Errorf("%w: %w", shared.ErrMoving, err)
		}
		if err != nil {
			return err
		}
		if time.Since(told) >= moveTells {
			told = time.Now()
			m.l.cfg.Logger.Info("the ledger is being moved", "entries", m.root.Size(), "of", m.end)
		}
	}
	return nil
}

// passOver compares a round that is in the bucket with the folder.
func (m *mover) passOver(r *shared.Round) error {
	if err := m.l.checkShared(r, m.root); err != nil {
		return err
	}
	for i, want := range r.Roots {
		at := r.Size + int64(i)
		if at >= m.end {
			return fmt.Errorf("%w: the bucket has more of the ledger than %s", shared.ErrSetBack, m.l.cfg.Dir)
		}
		got, err := m.l.store.ReadRootEntry(at)
		if err != nil {
			return err
		}
		if string(got) != string(want) {
			return fmt.Errorf("%w: the bucket has another entry %d of the root log than %s", shared.ErrSetBack, at, m.l.cfg.Dir)
		}
		e, err := proof.ParseRootEntry(want)
		if err != nil {
			return err
		}
		m.add(want, &e)
	}
	return nil
}

// add notes that an entry of the root log is moved.
func (m *mover) add(b []byte, e *proof.RootEntry) {
	var streams tree.Streams // the folder has the hashes
	m.root.Append(tlog.RecordHash(b), &streams)
	m.sizes[e.Checkpoint.Origin] = e.Checkpoint.Size
}

// block makes the rounds that come next, as many as make a block.
func (m *mover) block() (rounds []*shared.Round, err error) {
	for bytes := 0; bytes < moveBytes && m.root.Size() < m.end; {
		r, size, err := m.next()
		if err != nil {
			return nil, err
		}
		rounds = append(rounds, r)
		bytes += size
	}
	return rounds, nil
}

// next makes the next round: entries of different trees, or one erasure, since
// whoever reads it destroys salts of rounds before.
func (m *mover) next() (r *shared.Round, bytes int, err error) {
	r = &shared.Round{ID: shared.NewID(), Size: m.root.Size(), Root: m.root.Root()}
	for seen := map[string]bool{}; m.root.Size() < m.end && bytes < moveBytes; {
		b, err := m.l.store.ReadRootEntry(m.root.Size())
		if err != nil {
			return nil, 0, err
		}
		e, err := proof.ParseRootEntry(b)
		if err != nil {
			return nil, 0, err
		}
		erases := e.Kind == proof.ErasedEntry
		if seen[e.Checkpoint.Origin] || erases && len(r.Roots) > 0 {
			break
		}
		seen[e.Checkpoint.Origin] = true
		size, err := m.leaves(r, &e)
		if err != nil {
			return nil, 0, err
		}
		bytes += size + len(b)
		r.Roots = append(r.Roots, b)
		m.add(b, &e)
		if erases {
			break
		}
	}
	m.l.signShared(r)
	return r, bytes, nil
}

// leaves adds those to a round that a head has and the one before it had not.
func (m *mover) leaves(r *shared.Round, e *proof.RootEntry) (bytes int, err error) {
	origin := e.Checkpoint.Origin
	first := m.sizes[origin]
	count := int(e.Checkpoint.Size - first)
	if count == 0 {
		return 0, nil
	}
	id, _ := m.l.store.Find(origin)
	entries, err := m.l.store.ReadEntries(id, first, count)
	if err != nil {
		return 0, err
	}
	salts, err := m.l.store.ReadSalts(id, first, count)
	if err != nil {
		return 0, err
	}
	r.Leaves = append(r.Leaves, shared.Leaves{Origin: origin, First: first, Entries: entries, Salts: salts})
	return len(entries) + len(salts), nil
}
