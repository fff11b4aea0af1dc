package share

import (
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/broker/share/snapshot"
	"github.com/evidentlog/evident/internal/broker/share/window"
)

// Position calls done once, perhaps before it returns, with the offset of the first
// record that the group has not finished, and how many there are from there on that
// it has not (KIP-1226), when that is durable. Both are -1 if the group has not begun
// with the partition; the second if it is not known.
func (c *Coordinator) Position(group string, topic [16]byte, number int32, done func(start, lag int64, err error)) {
	p := c.find(group, place{topic, number})
	if p == nil {
		done(-1, -1, nil)
		return
	}
	start, lag, f := p.position()
	if f == nil {
		done(start, lag, nil)
		return
	}
	f.after(func(err error) { done(start, lag, err) })
}

// position returns the position and the flush that makes it durable, or nil if it
// is.
func (p *partition) position() (start, lag int64, f *flush) {
	t, ok := p.c.cfg.Topics.Topic(p.key.Topic)
	p.mu.Lock()
	defer p.unlock()
	if p.mu.gone || !p.mu.begun {
		return -1, -1, p.pending()
	}
	start, lag = p.mu.window.Start(), -1
	if l := t.partition(p.key.Partition); ok && l != nil {
		lag = max(0, readable(l, p.settings())-start-p.mu.window.Finished())
	}
	return start, lag, p.pending()
}

// SetPosition lets a group begin anew at an offset, and calls done once, perhaps
// before it returns, when that is durable. What was locked is not any more.
func (c *Coordinator) SetPosition(group string, topic [16]byte, number int32, offset int64, done func(error)) {
	key := snapshot.Key{Group: group, Topic: topic, Partition: number}
	c.topic.WhenThere(key.String(), func(err *kerr.Error) {
		if err != nil {
			done(err)
			return
		}
		for {
			p := c.add(c.newPartition(key, window.New(offset), snapshot.Snapshot{}))
			if f, ok := p.restart(offset, true); ok {
				f.after(done)
				return
			}
		}
	})
}

// Delete removes what there is of a group, of all topics or of some, and calls
// done once, perhaps before it returns, when that is durable.
func (c *Coordinator) Delete(group string, topics [][16]byte, done func(error)) {
	if err := c.topic.CheckAll(); err != nil {
		done(err)
		return
	}
	wanted := make(map[[16]byte]bool, len(topics))
	for _, id := range topics {
		wanted[id] = true
	}
	var flushes []*flush
	for _, p := range c.pick(group, func(k snapshot.Key) bool { return topics == nil || wanted[k.Topic] }) {
		flushes = append(flushes, p.delete())
	}
	afterAll(flushes, done)
}

// TopicDeleted removes what groups have of a topic that has been deleted. It does
// not wait for the disk: should it come to a crash before that, the next Run does
// it.
func (c *Coordinator) TopicDeleted(id [16]byte) {
	for _, p := range c.pick("", func(k snapshot.Key) bool { return k.Topic == id }) {
		p.delete()
	}
}

// delete removes p, from memory once it is gone from the disk. The flush is that
// of its removal.
func (p *partition) delete() *flush {
	p.mu.Lock()
	p.mu.gone = true
	f := p.changed()
	if p.mu.dropped {
		f = newFlush()
		f.finish(nil)
	}
	p.unlock()
	p.line.call() // who waits finds that it is gone
	return f
}
