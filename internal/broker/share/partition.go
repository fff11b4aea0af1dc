package share

import (
	"sync"
	"time"

	"github.com/evidentlog/evident/internal/broker/deadline"
	"github.com/evidentlog/evident/internal/broker/groupconfig"
	"github.com/evidentlog/evident/internal/broker/share/snapshot"
	"github.com/evidentlog/evident/internal/broker/share/window"
	"github.com/evidentlog/evident/internal/log"
)

// partition is a share-partition.
type partition struct {
	c     *Coordinator
	key   snapshot.Key
	shard int32 // partition of __share_group_state
	timer deadline.Timer[*partition]
	line  line

	mu struct {
		sync.Mutex
		window  *window.Window
		look    *lookahead // nil if offsets alone decide which records come first
		log     *log.Partition
		users   int  // sessions that read it; while there are any, line watches log
		reading bool // a fetch reads the log
		begun   bool // the group has begun with it
		gone    bool // it has been deleted, and is to be removed from the disk
		dropped bool // it is gone from the disk and from the coordinator

		stored  snapshot.Snapshot // but for what is in window
		dirty   bool              // the window has something that no write has
		waiting *flush            // for the write after the one under way
		writing *flush            // of the write under way; nil if there is none
		retry   time.Time         // when a write that failed is tried again
		wake    time.Time         // that timers has been given

		letters letters
	}
}

func (c *Coordinator) newPartition(key snapshot.Key, w *window.Window, stored snapshot.Snapshot) *partition {
	p := &partition{c: c, key: key, shard: c.topic.PartitionFor(key.String())}
	p.timer.Owner = p
	stored.Batches = nil
	p.mu.window, p.mu.stored = w, stored
	return p
}

// settings are those of the group now.
func (p *partition) settings() groupconfig.Settings { return p.c.cfg.Settings(p.key.Group) }

// fate is what becomes of records that are given up.
func fate(s groupconfig.Settings) window.Fate {
	return window.Fate{Limit: s.DeliveryLimit, DeadLetters: s.DeadLetterTopic != ""}
}

// unlock ends a step: it sees to what the step has made necessary.
func (p *partition) unlock() {
	ready := p.ready()
	p.unlockQuietly()
	if ready {
		p.line.call()
	}
}

// unlockQuietly is unlock after a step that has brought nothing to those who wait.
func (p *partition) unlockQuietly() {
	p.write()
	letter := p.nextLetter()
	p.arm()
	p.mu.Unlock()
	if letter != nil {
		p.send(letter)
	}
}

// arm sets the timer. The lock is held.
func (p *partition) arm() {
	wake := p.mu.window.Wake()
	for _, at := range []time.Time{p.mu.retry, p.mu.letters.retry} {
		if !at.IsZero() && (wake.IsZero() || at.Before(wake)) {
			wake = at
		}
	}
	if p.mu.dropped {
		wake = time.Time{}
	}
	if !wake.Equal(p.mu.wake) {
		p.mu.wake = wake
		p.c.timers.Set(&p.timer, wake)
	}
}

// ready tells if a fetch may find something. The lock is held.
func (p *partition) ready() bool {
	if p.mu.gone || p.mu.log == nil || p.mu.reading {
		return false
	}
	s := p.settings()
	if p.mu.look != nil {
		return p.mu.look.promising(p, s)
	}
	return p.mu.window.Has(readable(p.mu.log, s), s.RecordLocks)
}

// expire applies what is due.
func (p *partition) expire(now time.Time) {
	p.mu.Lock()
	p.mu.wake = time.Time{} // timers has let go of it
	if p.mu.window.Expire(now, fate(p.settings())) {
		p.changed()
	}
	if !p.mu.retry.After(now) {
		p.mu.retry = time.Time{}
	}
	if !p.mu.letters.retry.After(now) {
		p.mu.letters.retry = time.Time{}
	}
	p.unlock()
}

// release takes a member's locks away, see [window.Window.Release]. The flush is
// that of the change; nil if there was none.
func (p *partition) release(member string, counted bool) *flush {
	p.mu.Lock()
	defer p.unlock()
	if !p.mu.window.Release(member, counted, fate(p.settings())) {
		return nil
	}
	return p.changed()
}

// use has the line called for records that come, as long as a session reads the
// partition.
func (p *partition) use(t *Topic) {
	p.mu.Lock()
	defer p.unlock()
	if p.mu.log == nil {
		p.mu.log = t.partition(p.key.Partition)
	}
	if p.mu.users++; p.mu.users == 1 && p.mu.log != nil {
		p.mu.log.Watch(&p.line)
	}
}

// disuse ends use.
func (p *partition) disuse() {
	p.mu.Lock()
	defer p.unlock()
	if p.mu.users--; p.mu.users == 0 && p.mu.log != nil {
		p.mu.log.Unwatch(&p.line)
	}
}

func (p *partition) place() place { return place{p.key.Topic, p.key.Partition} }

func (p *partition) isGone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.gone
}

func snapshotKey(group string, at place) snapshot.Key {
	return snapshot.Key{Group: group, Topic: at.topic, Partition: at.number}
}
