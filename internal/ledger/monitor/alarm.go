package monitor

import (
	"context"
	"errors"
	"fmt"

	"github.com/evidentlog/evident/internal/ledger/remote"
	"github.com/evidentlog/evident/proof"
)

// event makes an alarm about a log or a tree of a size.
func (m *Monitor) event(kind, subject string, size int64, message string) Event {
	return Event{
		ID: fmt.Sprintf("%s/%s/%d", subject, kind, size), Source: m.state.origin, Type: kind, Subject: subject,
		Time: m.cfg.Now(), Data: Data{Message: message, Size: size},
	}
}

// A treeError is one about the tree of a partition.
type treeError struct {
	origin string
	size   int64
	error
}

func (e *treeError) Unwrap() error { return e.error }

// alarmOf raises the alarm that an error is, if it is one, and returns it as one.
func (m *Monitor) alarmOf(ctx context.Context, err error) error {
	var a *Alarm
	if errors.As(err, &a) {
		return m.raise(ctx, a.Event)
	}
	if !errors.Is(err, remote.ErrAltered) {
		return err
	}
	subject, size := m.state.origin, m.state.signs().size
	var t *treeError
	if errors.As(err, &t) {
		subject, size = t.origin, t.size
	}
	e := m.event(Altered, subject, size, fmt.Sprintf("what %s serves does not lead to what was signed: %v", m.log, err))
	return m.raise(ctx, e)
}

// raise hands an alarm out, and returns it as an error. An alarm that reaches
// nobody is one all the same.
func (m *Monitor) raise(ctx context.Context, e Event) error {
	m.metrics.alarms.WithLabelValues(e.Type).Inc()
	if err := m.cfg.Raise(ctx, e); err != nil {
		m.cfg.Logger.Error("an alarm could not be handed out", "type", e.Type, "subject", e.Subject, "error", err)
	}
	return &Alarm{e}
}

// fork is the alarm that two checkpoints of the root log exclude each other. If
// the newer one is larger, path shows that it has another root at the older one's
// size.
func (m *Monitor) fork(before, c signed, path []proof.Hash, root proof.Hash) error {
	e := m.event(Fork, c.Origin, c.Size, fmt.Sprintf(
		"%s was rewritten: it signed root hash %v at size %d, and what it signed for size %d has another history", c.Origin, before.Root, before.Size, c.Size))
	files := map[string]string{olderFile: before.note, newerFile: c.note}
	if path != nil {
		files[pathFile] = pathText(before.Checkpoint, c.Checkpoint, root, path)
	}
	return m.withEvidence(e, files)
}

// rollback is the alarm that the root log became smaller.
func (m *Monitor) rollback(before, c signed) error {
	e := m.event(Rollback, c.Origin, c.Size, fmt.Sprintf(
		"%s was set back: it signed a checkpoint of size %d, and now answers with one of size %d", c.Origin, before.Size, c.Size))
	return m.withEvidence(e, map[string]string{olderFile: before.note, newerFile: c.note})
}

func (m *Monitor) withEvidence(e Event, files map[string]string) error {
	names, err := m.keepEvidence(e, files)
	if err != nil {
		return &fatalError{fmt.Errorf("%s; and the evidence could not be kept: %w", e.Data.Message, err)}
	}
	e.Data.Evidence = names
	return &Alarm{e}
}
