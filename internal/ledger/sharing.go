package ledger

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/evidentlog/evident/internal/bucket"
	"github.com/evidentlog/evident/internal/ledger/shared"
	"github.com/evidentlog/evident/internal/ledger/store"
	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/proof"
)

const (
	// checkpointObject is the newest checkpoint in the bucket, at most a minute
	// old while rounds are made. It tells a node without a folder that the bucket
	// was set back.
	checkpointObject = "checkpoint"
	checkpointEvery  = time.Minute
	// lastChance is how long a node that stops tries to write its last round.
	lastChance = 5 * time.Second
)

// ErrUnreachable says that the bucket does not do what it should, and may again.
var ErrUnreachable = errors.New("the ledger's bucket cannot be used")

// ErrMayCome says that an erasure was sent to the bucket, which did not confirm it.
var ErrMayCome = errors.New("it is not known whether the erasure is noted: it may be done as soon as the bucket can be used again; ask for the list of erasures then, or erase once more, which does no harm")

// sharing is what a ledger needs that other nodes write too. Run owns it.
type sharing struct {
	bucket  *bucket.Bucket
	journal *shared.Journal
	// round is in the bucket, and not yet in this node's files; nil if there is none.
	round    *shared.Round
	proposal *proposal                   // nil if there is none
	trees    map[store.TreeID]*tree.Tree // those that others let grow
	changed  bool                        // the root log has grown since it was signed
	kept     time.Time                   // when the checkpoint was put into the bucket
	down     bool                        // the bucket cannot be used, which was logged
	off      bool                        // this node's clock is, which was told
	future   bool                        // the newest entry has a time that is yet to come, likewise
}

// A proposal is a round that may be in the bucket, now or later.
type proposal struct {
	round  *shared.Round
	shares []*share // nil for an erasure
}

// fromBucket marks errors that may go away.
func fromBucket(err error) error {
	if err == nil || errors.Is(err, shared.ErrSetBack) || errors.Is(err, shared.ErrDamaged) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

// bind compares the folder with the bucket that it is used with, if any, before
// there are keys. isNew tells that nothing was ever signed.
func (l *Ledger) bind(ctx context.Context, b *bucket.Bucket) (isNew bool, err error) {
	size, _ := l.store.RootHead()
	bound, err := l.store.Bound()
	if err != nil {
		return false, err
	}
	switch {
	case b == nil && bound == "":
		return size == 0, nil
	case b == nil:
		return false, fmt.Errorf("the ledger in %s is shared with other nodes through a bucket: give the bucket, or move the folder away and begin another ledger", l.cfg.Dir)
	}
	if err := b.Probe(ctx); err != nil {
		return false, err
	}
	text, moving, err := shared.Look(ctx, b)
	l.moves = size > 0 && (moving || bound == "")
	switch {
	case err != nil:
		return false, err
	case bound != "" && text != bound:
		return false, fmt.Errorf("%w: %s was used with a bucket that says\n%sand %v says\n%s", shared.ErrOther, l.cfg.Dir, bound, b, text)
	case moving && size == 0:
		return false, fmt.Errorf("%v: %w", b, shared.ErrMoving)
	case bound == "" && size > 0 && !moving && text != "":
		return false, fmt.Errorf("%w: the ledger in %s is one node's alone, and %v has one already: give an empty folder to share that one, or an empty place in the bucket to move this one", shared.ErrOther, l.cfg.Dir, b)
	}
	return text == "" && size == 0, nil
}

// publicKeys are those of the root log, as texts.
func (l *Ledger) publicKeys() (keys []string) {
	for _, v := range l.Verifiers() {
		keys = append(keys, v.String())
	}
	return keys
}

// join begins, or finds, the ledger in the bucket, and catches up with it.
func (l *Ledger) join(ctx context.Context, b *bucket.Bucket) error {
	text, err := shared.Join(ctx, b, l.cfg.Origin, l.publicKeys())
	if err != nil {
		return err
	}
	if err := l.store.Bind(text); err != nil {
		return err
	}
	if l.sharing == nil {
		l.sharing = &sharing{} // which others may ask for at any time from here on
	}
	*l.sharing = sharing{bucket: b, journal: shared.New(b), trees: map[store.TreeID]*tree.Tree{}}
	kept, err := l.readBucketKept(ctx) // first: what is read later must have it
	if err != nil {
		return err
	}
	if err := l.seek(ctx); err != nil {
		return err
	}
	if err := l.checkReplicas(); err != nil {
		return err
	}
	if err := l.catchUp(ctx); err != nil {
		return err
	}
	return l.checkContinues(kept)
}

// seek finds the place in the bucket's journal where this node's files end.
func (l *Ledger) seek(ctx context.Context) error {
	now := l.rootHead()
	last, err := l.sharing.journal.Seek(ctx, now.Size)
	if err != nil || last == nil {
		return err
	}
	root, err := tree.RootAt(now, last.Size, l.store.RootTiles())
	if err != nil {
		return err
	}
	if root != last.Root {
		return fmt.Errorf("%w: %v has another history than %s", shared.ErrSetBack, l.sharing.bucket, l.cfg.Dir)
	}
	for i, want := range last.Roots {
		got, err := l.store.ReadRootEntry(last.Size + int64(i))
		if err != nil {
			return err
		}
		if string(got) != string(want) {
			return fmt.Errorf("%w: %v has another entry %d of the root log than %s", shared.ErrSetBack, l.sharing.bucket, last.Size+int64(i), l.cfg.Dir)
		}
	}
	return nil
}

// checkReplicas looks at all trees, and makes hashes again that a power cut has
// taken: those that other nodes let grow are served here, and may not be opened
// for long.
func (l *Ledger) checkReplicas() error {
	for id := range l.store.Heads() {
		if _, err := l.replica(id); err != nil {
			return fmt.Errorf("%w; move %s away: it is a copy, which is made again from the bucket", err, l.cfg.Dir)
		}
	}
	return nil
}

// readBucketKept returns the checkpoint that the bucket has; of size 0 if none.
func (l *Ledger) readBucketKept(ctx context.Context) (proof.Checkpoint, error) {
	o, err := l.sharing.bucket.Get(ctx, checkpointObject, "")
	if errors.Is(err, bucket.ErrNotFound) {
		return proof.Checkpoint{Root: (&tree.Tree{}).Root()}, nil
	}
	if err != nil {
		return proof.Checkpoint{}, err
	}
	signed, err := l.keys.openRoot(o.Data)
	if err != nil {
		return signed, fmt.Errorf("%w: %v/%s: %w", shared.ErrDamaged, l.sharing.bucket, checkpointObject, err)
	}
	return signed, nil
}

// keepInBucket puts the newest checkpoint into the bucket, now and then.
func (l *Ledger) keepInBucket(ctx context.Context) error {
	s := l.sharing
	if now := l.cfg.Now(); now.Sub(s.kept) >= checkpointEvery {
		if err := s.bucket.Put(ctx, checkpointObject, l.Checkpoint()); err != nil {
			return fromBucket(err)
		}
		s.kept = now
	}
	return nil
}

// tolerate passes over errors of the bucket that may go away.
func (l *Ledger) tolerate(err error) error {
	s := l.sharing
	switch {
	case err == nil && s.down:
		s.down = false
		l.cfg.Logger.Info("the ledger's bucket can be used again", "bucket", s.bucket)
	case errors.Is(err, ErrUnreachable):
		if !s.down {
			s.down = true
			l.cfg.Logger.Warn("nothing becomes provable until the ledger's bucket can be used again", "bucket", s.bucket, "error", err)
		}
		return nil
	}
	return err
}

const (
	// awaitMost is how long it may take to see what another node has signed, and
	// have it cosigned.
	awaitMost  = 15 * time.Second
	awaitAgain = 100 * time.Millisecond
)

// AwaitSize waits until the root log has a size that another node may have signed
// already. It gives up when that should have been seen; in a ledger of one node at
// once.
func (l *Ledger) AwaitSize(ctx context.Context, size int64) {
	if l.sharing == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, awaitMost)
	defer cancel()
	for l.Size() < size && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(awaitAgain):
		}
	}
}

// signShared lets the ledger's key sign a round, so that no other writer of the
// bucket can.
func (l *Ledger) signShared(r *shared.Round) {
	copy(r.Signature[:], ed25519.Sign(l.keys.ed25519, r.Message()))
}

// checkShared refuses rounds that none of the ledger's nodes wrote, and those
// that do not follow the root log as this node has it.
func (l *Ledger) checkShared(r *shared.Round, root *tree.Tree) error {
	if !ed25519.Verify(l.keys.ed25519.Public().(ed25519.PublicKey), r.Message(), r.Signature[:]) {
		return fmt.Errorf("%w: the round after %d entries of the root log is not signed by this ledger", shared.ErrDamaged, r.Size)
	}
	if r.Size != root.Size() || r.Root != root.Root() {
		return fmt.Errorf("%w: a round follows %d entries of the root log with root %v, and this node has %d with %v",
			shared.ErrSetBack, r.Size, r.Root, root.Size(), root.Root())
	}
	return nil
}
