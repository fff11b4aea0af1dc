package ledger

import (
	"testing"
	"time"

	"github.com/evidentlog/evident/proof"
)

// newest is the time of the newest entry of a node's root log.
func (n *node) newest(t *testing.T) time.Time {
	t.Helper()
	b, err := n.store.ReadRootEntry(n.Size() - 1)
	if err != nil {
		t.Fatal(err)
	}
	e, err := proof.ParseRootEntry(b)
	if err != nil {
		t.Fatal(err)
	}
	return time.UnixMilli(e.Time)
}

// setClock lets a node of the team begin again with a clock that is off.
func (m *team) setClock(n *node, off time.Duration, alarm func(string)) {
	m.t.Helper()
	_ = n.Close()
	cfg := m.config(n.disk)
	cfg.Now = func() time.Time { return time.Now().Add(off) }
	cfg.Alarm = alarm
	l, err := OpenShared(m.t.Context(), cfg, m.bucket)
	if err != nil {
		m.t.Fatal(err)
	}
	n.Ledger = l
}

// Times never go back: one node could push those of all others into the future.
func TestAClockThatIsFarOffSetsNoTimes(t *testing.T) {
	for _, off := range []time.Duration{time.Hour, -time.Hour} {
		m := newTeam(t, 1)
		n := m.nodes[0]
		alarms := 0
		m.setClock(n, off, func(string) { alarms++ })
		for range 3 {
			m.grow(n, 0, 10)
			m.round(n)
			if got := n.newest(t); time.Since(got).Abs() > maxOff {
				t.Errorf("off by %v: the entry says %v", off, got)
			}
		}
		if alarms != 1 {
			t.Errorf("off by %v: %d alarms", off, alarms)
		}
		m.grow(n, 0, 1)
		m.round(n)
		if err := m.erase(n, 0, 3); err != nil {
			t.Fatal(err)
		}
		if got := n.newest(t); time.Since(got).Abs() > maxOff {
			t.Errorf("off by %v: the erasure says %v", off, got)
		}
	}
}

func TestAClockThatIsALittleOffIsTheNodesOwn(t *testing.T) {
	m := newTeam(t, 1)
	n := m.nodes[0]
	m.setClock(n, maxOff/2, func(a string) { t.Errorf("alarm %s", a) })
	m.grow(n, 0, 10)
	m.round(n)
	if got := time.Until(n.newest(t)); got <= 0 {
		t.Errorf("the entry is %v in the future", got)
	}
}

// A node that does not ask the bucket for the time, or lies, is told of.
func TestATimeThatIsYetToComeIsAnAlarm(t *testing.T) {
	m := newTeam(t, 2)
	liar, n := m.nodes[0], m.nodes[1]
	alarms := 0
	m.setClock(n, 0, func(string) { alarms++ })
	liar.lastTime = time.Now().Add(time.Hour).UnixMilli()
	for range 2 {
		m.grow(liar, 0, 10)
		m.round(liar)
		m.grow(n, 1, 10)
		m.round(n)
	}
	if alarms != 1 {
		t.Errorf("%d alarms", alarms)
	}
	if got := time.Until(n.newest(t)); got < 50*time.Minute {
		t.Errorf("times went back: the newest is %v in the future", got)
	}
}
