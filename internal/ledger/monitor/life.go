package monitor

import (
	"context"
	"fmt"
	"time"

	"github.com/evidentlog/evident/proof"
)

// signs are what shows that a log is alive.
type signs struct {
	size, stamp int64
}

func (s *state) signs() signs {
	now := signs{stamp: s.stamp}
	for _, note := range s.seen {
		if c, err := parseSeen(note); err == nil {
			now.size = max(now.size, c.Size)
		}
	}
	return now
}

// alive tells whether a round that ended with err gave a sign of life.
func (m *Monitor) alive(before signs, err error) bool {
	now := m.state.signs()
	switch {
	case err != nil:
		return false
	case now.size > before.size:
		return true
	case m.cfg.Growing:
		return false
	}
	return now.stamp > before.stamp || now.stamp == 0
}

// checkLife raises the alarm that a log is stalled.
func (m *Monitor) checkLife(ctx context.Context, before signs, failed error) error {
	now := m.cfg.Now()
	if m.alive(before, failed) {
		m.quiet = time.Time{}
		if m.state.quiet == 0 {
			return nil
		}
		m.state.quiet = 0
		return m.save()
	}
	if m.state.quiet == 0 || m.state.quiet > now.UnixMilli() { // the clock was set back since
		if m.quiet.IsZero() {
			m.quiet = now
		}
		m.state.quiet = now.UnixMilli()
		if err := m.save(); err != nil {
			return err
		}
	}
	since := m.quietSince()
	if now.Sub(since) < m.cfg.StalledAfter {
		return nil
	}
	e := m.event(Stalled, m.state.origin, m.state.signs().size, fmt.Sprintf("%s has given no sign of life since %s: %s",
		m.log, since.UTC().Format(time.RFC3339), m.why(failed)))
	e.ID = fmt.Sprintf("%s/stalled/%d", m.log, m.state.quiet)
	return m.raise(ctx, e)
}

// quietSince is since when the log has given no sign of life to a monitor that
// asked for one: who was off did not. Where this process has seen it begin, the
// time has the clock that nobody sets.
func (m *Monitor) quietSince() time.Time {
	kept := time.UnixMilli(m.state.quiet)
	switch {
	case !m.quiet.IsZero():
		return m.quiet
	case m.running.IsZero():
		return kept
	}
	return m.running
}

func (m *Monitor) why(failed error) string {
	switch {
	case failed != nil:
		return failed.Error()
	case m.cfg.Growing:
		return "its checkpoint can be had, and does not grow"
	case m.state.stamp > m.cfg.Now().Add(proof.ClockMargin).Unix():
		return fmt.Sprintf("its checkpoint can be had, and has not grown, and the newest time in a signature that was seen, %s, is still to come: was its clock ahead, and set back?",
			time.Unix(m.state.stamp, 0).UTC().Format(time.RFC3339))
	}
	return "its checkpoint can be had, and has neither grown nor been signed again"
}
