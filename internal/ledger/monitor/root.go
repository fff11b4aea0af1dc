package monitor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/evidentlog/evident/proof"
)

// A signed checkpoint, as it was seen.
type signed struct {
	proof.Checkpoint
	note string
	// stamp is the newest time in a signature that was checked, Unix seconds; 0 if
	// there is none.
	stamp int64
}

// parseSeen reads a checkpoint that was checked before it was kept.
func parseSeen(note string) (signed, error) {
	body, _, _ := strings.Cut(note, "\n\n")
	c, err := proof.ParseCheckpoint(body + "\n")
	return signed{Checkpoint: c, note: note}, err
}

// A cache may answer with an old checkpoint for a moment: only one that stays
// old is a rollback.
const (
	triesOld = 4
	pauseOld = 2 * time.Second
)

// checkpoint gets the newest checkpoint and checks its signatures.
func (m *Monitor) checkpoint(ctx context.Context) (signed, error) {
	most := int64(0)
	for _, note := range m.state.seen {
		c, err := parseSeen(note)
		if err != nil {
			return signed{}, &fatalError{err}
		}
		most = max(most, c.Size)
	}
	for try := 1; ; try++ {
		c, err := m.getCheckpoint(ctx)
		if err != nil || c.Size >= most || try == triesOld {
			return c, err
		}
		select {
		case <-ctx.Done():
			return signed{}, ctx.Err()
		case <-time.After(pauseOld):
		}
	}
}

func (m *Monitor) getCheckpoint(ctx context.Context) (signed, error) {
	get := m.log.Checkpoint
	if m.cfg.Policy != nil && !m.cfg.Policy.Fulfilled(nil) {
		get = m.log.Witnessed // the newest of all has no cosignatures yet
	}
	note, err := get(ctx)
	if err != nil {
		return signed{}, err
	}
	m.trust.Now = m.cfg.Now() // no time of a witness that is still to come is a sign of life
	opened, err := m.trust.Open(note)
	if err != nil {
		return signed{}, fmt.Errorf("checkpoint of %s: %w", m.log, err)
	}
	if m.state.origin != "" && opened.Origin != m.state.origin {
		return signed{}, fmt.Errorf("checkpoint of %s: it is of the log %q, and %s is about %q", m.log, opened.Origin, m.cfg.Dir, m.state.origin)
	}
	c := signed{Checkpoint: opened.Checkpoint, note: note}
	if !opened.SignedAt.IsZero() {
		c.stamp = opened.SignedAt.Unix()
	}
	for _, e := range opened.Existed {
		c.stamp = max(c.stamp, e.Clock.Unix())
	}
	return c, nil
}

// compare asks that a checkpoint continues all that were seen. It is durable
// before it is compared, and the others go after that.
func (m *Monitor) compare(ctx context.Context, c signed) error {
	if n := len(m.state.seen); n > 0 && m.state.seen[n-1] == c.note && n == 1 {
		return nil // nothing is new
	}
	if err := m.remember(c); err != nil {
		return err
	}
	for _, note := range m.state.seen {
		if note == c.note {
			continue
		}
		before, err := parseSeen(note)
		if err != nil {
			return &fatalError{err}
		}
		if err := m.continues(ctx, before, c); err != nil {
			return err
		}
	}
	m.state.seen, m.state.stamp = []string{c.note}, max(m.state.stamp, c.stamp)
	return nil // saved with the entries, or when there is something new again
}

// maxSeen is how many checkpoints are kept that could not be compared, for want
// of tiles. One that comes later is compared with all of them before it is kept.
const maxSeen = 16

// remember makes it durable that a checkpoint was seen.
func (m *Monitor) remember(c signed) error {
	s := m.state
	if s.origin == "" {
		s.origin = c.Origin
		if m.cfg.FromNow {
			s.from, s.read = c.Size, c.Size
		}
	}
	for _, note := range s.seen {
		if note == c.note {
			return nil
		}
	}
	if len(s.seen) >= maxSeen {
		return nil
	}
	s.seen = append(s.seen, c.note)
	if err := m.save(); err != nil {
		return &fatalError{err}
	}
	return nil
}

// continues compares two checkpoints of the root log.
func (m *Monitor) continues(ctx context.Context, before, c signed) error {
	switch {
	case c.Size < before.Size:
		return m.rollback(before, c)
	case c.Size == before.Size:
		if c.Root != before.Root {
			return m.fork(before, c, nil, proof.Hash{})
		}
		return nil
	}
	view := m.log.At(c.Checkpoint)
	roots, err := view.Roots(ctx, before.Size)
	if err != nil {
		return err
	}
	if roots[0] == before.Root {
		return nil
	}
	path, err := view.ProveConsistency(ctx, before.Size)
	if err != nil {
		return err
	}
	return m.fork(before, c, path, roots[0])
}
