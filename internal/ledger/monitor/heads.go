package monitor

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/evidentlog/evident/internal/ledger/remote"
	"github.com/evidentlog/evident/proof"
)

// step is how many entries of the root log are read at once: bundles of them.
const step = 16 * 256

// readEntries reads what the root log has gained, a step at a time. After a while
// a monitor that goes on leaves the rest to the next round, which looks at the
// newest checkpoint first.
func (m *Monitor) readEntries(ctx context.Context, c signed) error {
	view := m.log.At(c.Checkpoint)
	began := m.cfg.Now()
	for m.state.read < c.Size && (m.running.IsZero() || m.cfg.Now().Sub(began) < patience) {
		if err := m.bounded(ctx, func(ctx context.Context) error { return m.readStep(ctx, view, c) }); err != nil {
			return err
		}
	}
	return nil
}

// readStep reads one step of entries, and makes it durable.
func (m *Monitor) readStep(ctx context.Context, view *remote.View, c signed) error {
	to := min(c.Size, m.state.read-m.state.read%step+step)
	entries, err := view.Entries(ctx, m.state.read, to)
	if err != nil {
		return err
	}
	s := &stepOf{state: m.state, time: m.state.time, trees: map[string]*grown{}}
	for i, e := range entries {
		if err := m.takeEntry(ctx, s, c, m.state.read+int64(i), e); err != nil {
			return err
		}
	}
	return m.finishStep(ctx, s, c, to)
}

// A stepOf is what some entries of the root log say.
type stepOf struct {
	*state
	time   int64
	trees  map[string]*grown
	closed []ending
}

// grown is a tree with heads that are not checked yet.
type grown struct {
	tree         // as the newest head has it
	marks []tree // what it must have been before, and is now
	known bool   // one of them was seen before this step
}

// An ending is a generation that was closed.
type ending struct {
	head   proof.Checkpoint
	reason string
}

// finishStep checks the trees that grew, tells of those that ended, and makes
// the step durable.
func (m *Monitor) finishStep(ctx context.Context, s *stepOf, c signed, to int64) error {
	if err := m.checkTrees(ctx, s, c); err != nil {
		return err
	}
	for _, end := range s.closed {
		e := m.event(Closed, end.head.Origin, end.head.Size, fmt.Sprintf("%s has ended at size %d: %s", end.head.Origin, end.head.Size, end.reason))
		e.Data.Reason = end.reason
		m.metrics.alarms.WithLabelValues(Closed).Inc()
		if err := m.cfg.Raise(ctx, e); err != nil {
			return fmt.Errorf("alarm of a closed tree: %w", err)
		}
	}
	for origin, g := range s.trees {
		m.state.trees[origin] = g.tree
	}
	m.state.read, m.state.time = to, s.time
	if err := m.save(); err != nil {
		return &fatalError{err}
	}
	return nil
}

// kinds are the first lines of entries that are understood.
var kinds = []string{proof.HeadEntry, proof.ClosedEntry, proof.ErasedEntry}

// takeEntry takes one entry of the root log. Entries of unknown kinds are leaves
// of the root log as others, and say nothing here.
func (m *Monitor) takeEntry(ctx context.Context, s *stepOf, c signed, index int64, b []byte) error {
	first, _, _ := bytes.Cut(b, []byte("\n"))
	if !slices.Contains(kinds, string(first)) {
		m.cfg.Logger.Info("an entry of the root log is of an unknown kind, and passed over", "entry", index)
		return nil
	}
	e, err := proof.ParseRootEntry(b)
	if err != nil {
		return m.violation(ctx, c, index, b, m.state.origin, err.Error())
	}
	if e.Time < s.time {
		return m.violation(ctx, c, index, b, m.state.origin, fmt.Sprintf("its time is %d, and that of an entry before it %d", e.Time, s.time))
	}
	s.time = e.Time
	t, err := proof.ParseOrigin(c.Origin, e.Checkpoint.Origin)
	if err != nil {
		return m.violation(ctx, c, index, b, m.state.origin, err.Error())
	}
	g := s.grown(t.Origin())
	if problem := s.forbids(g, t, &e); problem != "" {
		return m.violation(ctx, c, index, b, t.Origin(), problem)
	}
	if e.Kind != proof.ErasedEntry && e.Checkpoint.Size < g.Size {
		return m.treeRollback(ctx, c, g.tree, index, b, e.Checkpoint)
	}
	s.take(g, index, &e)
	return nil
}

// grown returns a tree as the entries so far have it.
func (s *stepOf) grown(origin string) *grown {
	if g := s.trees[origin]; g != nil {
		return g
	}
	before, known := s.state.trees[origin]
	g := &grown{tree: before, known: known}
	if known {
		g.marks = []tree{before}
	}
	return g
}

// forbids returns the rule that an entry breaks, empty if none.
func (s *stepOf) forbids(g *grown, t proof.Tree, e *proof.RootEntry) string {
	switch {
	case g.closed && e.Kind != proof.ErasedEntry:
		return "the generation was closed by an entry before it"
	case g.closed && (e.Checkpoint.Size != g.Size || e.Checkpoint.Root != g.Root):
		return "it has another head than the one that the generation was closed with"
	case t.Generation == 0 || len(g.marks) > 0:
		return ""
	}
	t.Generation--
	before, ok := s.state.trees[t.Origin()]
	if now := s.trees[t.Origin()]; now != nil {
		before, ok = now.tree, true
	}
	if ok && !before.closed || !ok && s.from == 0 {
		return fmt.Sprintf("generation %d begins, and generation %d was not closed", t.Generation+1, t.Generation)
	}
	return ""
}

// take notes the head of an entry that breaks no rule.
func (s *stepOf) take(g *grown, index int64, e *proof.RootEntry) {
	head := tree{Checkpoint: e.Checkpoint, index: index, closed: g.closed || e.Kind == proof.ClosedEntry}
	g.marks = append(g.marks, head)
	if e.Checkpoint.Size >= g.Size {
		g.tree = head
	}
	s.trees[e.Checkpoint.Origin] = g
	if e.Kind == proof.ClosedEntry {
		s.closed = append(s.closed, ending{e.Checkpoint, strings.TrimPrefix(e.Details[0], "reason ")})
	}
}

// violation is the alarm that the root log has an entry that must not be there.
func (m *Monitor) violation(ctx context.Context, c signed, index int64, entry []byte, subject, problem string) error {
	e := m.event(Violation, subject, index, fmt.Sprintf("entry %d of %s breaks a rule: %s", index, c.Origin, problem))
	p, err := m.proveEntry(ctx, c, index, entry)
	if err != nil {
		return err
	}
	return m.withEvidence(e, map[string]string{newerHead: p})
}

// proveEntry returns the tlog-proof of an entry of the root log.
func (m *Monitor) proveEntry(ctx context.Context, c signed, index int64, entry []byte) (string, error) {
	path, err := m.log.At(c.Checkpoint).ProveInclusion(ctx, index)
	if err != nil {
		return "", err
	}
	p := proof.Inclusion{Extra: entry, Index: index, Path: path, Signed: c.note}
	return p.String(), nil
}

// proveOld is proveEntry of an entry that was read before.
func (m *Monitor) proveOld(ctx context.Context, c signed, index int64) (string, error) {
	entries, err := m.log.At(c.Checkpoint).Entries(ctx, index, index+1)
	if err != nil {
		return "", err
	}
	return m.proveEntry(ctx, c, index, entries[0])
}

// treeRollback is the alarm that a tree became smaller.
func (m *Monitor) treeRollback(ctx context.Context, c signed, before tree, index int64, entry []byte, head proof.Checkpoint) error {
	e := m.event(Rollback, head.Origin, head.Size, fmt.Sprintf(
		"%s was set back: entry %d of the root log gives it size %d, and entry %d size %d", head.Origin, before.index, before.Size, index, head.Size))
	older, err := m.proveOld(ctx, c, before.index)
	if err != nil {
		return err
	}
	newer, err := m.proveEntry(ctx, c, index, entry)
	if err != nil {
		return err
	}
	return m.withEvidence(e, map[string]string{olderHead: older, newerHead: newer})
}
