package monitor

import (
	"context"
	"fmt"
	"time"
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
		if m.state.quiet == 0 {
			return nil
		}
		m.state.quiet = 0
		return m.save()
	}
	if m.state.quiet == 0 {
		m.state.quiet = now.UnixMilli()
		return m.save()
	}
	since := time.UnixMilli(max(m.state.quiet, m.running)) // who was off asked for no sign of life
	if now.Sub(since) < m.cfg.StalledAfter {
		return nil
	}
	e := m.event(Stalled, m.state.origin, m.state.signs().size, fmt.Sprintf("%s has given no sign of life since %s: %s",
		m.log, since.UTC().Format(time.RFC3339), m.why(failed)))
	e.ID = fmt.Sprintf("%s/stalled/%d", m.log, m.state.quiet)
	return m.raise(ctx, e)
}

func (m *Monitor) why(failed error) string {
	switch {
	case failed != nil:
		return failed.Error()
	case m.cfg.Growing:
		return "its checkpoint can be had, and does not grow"
	}
	return "its checkpoint can be had, and has neither grown nor been signed again"
}
