package ledger

import (
	"errors"
	"fmt"
	"time"

	"github.com/evidentlog/evident/internal/ledger/checkpoints"
	"github.com/evidentlog/evident/internal/ledger/store"
	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/proof"
)

const (
	checkpointsDir = "checkpoints"
	// keepEvery is after how long a checkpoint is kept though nobody asked for it.
	keepEvery = time.Minute
)

// ErrSetBack says that a ledger's files do not have what was signed of them. To
// go on would sign another history under the same keys.
var ErrSetBack = errors.New("the ledger's files are older than, or others than, what it has signed")

// checkSigned compares the root log with the checkpoint that was signed last.
func (l *Ledger) checkSigned() error {
	signed, err := l.store.KeptCheckpoint()
	if err != nil || signed == nil {
		return err
	}
	last, err := l.keys.openRoot(signed)
	if err != nil {
		return fmt.Errorf("%w: checkpoint in %s, or %s, whose keys did not sign it: %w", store.ErrCorrupt, l.cfg.Dir, l.cfg.keysFile(), err)
	}
	if last.Origin != l.cfg.Origin {
		return fmt.Errorf("%w: %s signs as %q, and was to go on as %q; give it its name, or move the folder away, and a new ledger begins",
			ErrOtherDeployment, l.cfg.Dir, last.Origin, l.cfg.Origin)
	}
	return l.checkContinues(last)
}

// checkContinues tells whether the root log still has what was signed of it.
func (l *Ledger) checkContinues(signed proof.Checkpoint) error {
	now := l.rootHead()
	if signed.Size > now.Size {
		return fmt.Errorf("%w: %s has %d entries of the root log, and %d were signed; restore it from a newer copy", ErrSetBack, l.cfg.Dir, now.Size, signed.Size)
	}
	root, err := tree.RootAt(now, signed.Size, l.store.RootTiles())
	if err != nil {
		return err
	}
	if root != signed.Root {
		return fmt.Errorf("%w: %s: the first %d entries of the root log are not those that were signed; restore it from a copy", ErrSetBack, l.cfg.Dir, signed.Size)
	}
	return nil
}

// openKept opens the checkpoints that are kept, the newest of which must fit too.
func (l *Ledger) openKept() (err error) {
	l.kept, err = checkpoints.Open(checkpoints.Config{
		FS: l.cfg.FS, Dir: l.cfg.Dir + "/" + checkpointsDir, Origin: l.cfg.Origin, Keys: l.Verifiers(),
	})
	if err != nil {
		return err
	}
	l.keptDamaged(l.kept.Damage())
	newest, err := l.kept.Newest()
	if errors.Is(err, checkpoints.ErrNotKept) {
		return nil
	}
	if err != nil {
		return err
	}
	return l.checkContinues(newest.Checkpoint)
}

// Kept are the checkpoints of the root log that are kept for ever.
func (l *Ledger) Kept() *checkpoints.Log { return l.kept }

// KeepNewest makes the newest checkpoint of the root log one that is kept, and
// returns it. Whoever wants it cosigned or anchored begins with this.
func (l *Ledger) KeepNewest() (checkpoints.Kept, error) {
	l.keeping.Lock()
	defer l.keeping.Unlock()
	return l.keep()
}

// keepCovering returns the newest checkpoint that is kept, if it covers an entry
// of the root log, and keeps the newest one otherwise: proofs that are asked for
// at one time share one.
func (l *Ledger) keepCovering(index int64) (checkpoints.Kept, error) {
	if l.kept.Size() > index {
		return l.kept.Newest()
	}
	if index >= l.signed.Load().Size {
		return checkpoints.Kept{}, fmt.Errorf("%w: its head is written, and not signed yet", ErrNotYet)
	}
	l.keeping.Lock()
	defer l.keeping.Unlock()
	if l.kept.Size() > index {
		return l.kept.Newest() // kept while this waited
	}
	return l.keep()
}

// keepNowAndThen keeps a checkpoint a minute.
func (l *Ledger) keepNowAndThen() error {
	l.keeping.Lock()
	defer l.keeping.Unlock()
	if now := l.cfg.Now(); now.Sub(l.keeping.last).Abs() < keepEvery {
		return nil
	}
	_, err := l.keep()
	return err
}

// keep keeps the newest checkpoint. The caller holds l.keeping.
func (l *Ledger) keep() (checkpoints.Kept, error) {
	if err := l.kept.Keep(l.signed.Load().note); err != nil {
		return checkpoints.Kept{}, err
	}
	l.keeping.last = l.cfg.Now()
	return l.kept.Newest()
}
