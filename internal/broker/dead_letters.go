package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/broker/share"
	"github.com/evidentlog/evident/internal/broker/topicconfig"
	"github.com/evidentlog/evident/internal/log/batch"
)

// deadLetters writes the dead letters of share groups. It implements
// [share.DeadLetters].
type deadLetters struct {
	broker *Broker
	codecs batch.Codecs
	some   chan struct{} // capacity 1

	mu struct {
		sync.Mutex
		jobs []deadLetterJob // at most one of each share-partition
	}
}

type deadLetterJob struct {
	share.DeadLetter
	done func(last int64, err error)
}

func newDeadLetters(b *Broker) *deadLetters {
	return &deadLetters{broker: b, some: make(chan struct{}, 1)}
}

// Write implements [share.DeadLetters].
func (d *deadLetters) Write(l share.DeadLetter, done func(last int64, err error)) {
	d.mu.Lock()
	d.mu.jobs = append(d.mu.jobs, deadLetterJob{l, done})
	d.mu.Unlock()
	select {
	case d.some <- struct{}{}:
	default:
	}
}

// run writes what there is to write until ctx ends.
func (d *deadLetters) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.some:
		}
		d.mu.Lock()
		jobs := d.mu.jobs
		d.mu.jobs = nil
		d.mu.Unlock()
		for _, j := range jobs {
			if err := d.write(j); err != nil {
				j.done(0, err)
			}
		}
	}
}

// write appends the dead letters of one job. It does not wait for the disk; if it
// returns an error, done is not called.
func (d *deadLetters) write(j deadLetterJob) error {
	settings := d.broker.groupSettings(j.Group)
	to, err := d.topic(settings.DeadLetterTopic)
	if err != nil {
		return err
	}
	w := &deadLetterWriter{
		job: j, codecs: &d.codecs, now: d.broker.cfg.Now().UnixMilli(),
		to: to.Partition(j.Partition % int32(len(to.Partitions))), from: metadata.ID(j.Topic).String(),
	}
	w.most = w.to.Settings().MaxMessageBytes
	originals := none
	if t := d.broker.store.Snapshot().TopicByID(j.Topic); t != nil {
		w.from = t.Name
		if p := t.Partition(j.Partition); p != nil && settings.DeadLetterCopy {
			originals = recordsFrom(p, &d.codecs, j.First)
		}
	}
	if err := w.build(originals); err != nil {
		return err
	}
	w.append()
	return nil
}

// topic finds the group's dead-letter topic, or makes it.
func (d *deadLetters) topic(name string) (*metadata.Topic, error) {
	b := d.broker
	switch {
	case name == "":
		return nil, fmt.Errorf("%w: the group names no topic for them", share.ErrNoDeadLetters)
	case !strings.HasPrefix(name, *b.cfg.DeadLetterPrefix):
		return nil, fmt.Errorf("%w: topic %q does not begin with %q", share.ErrNoDeadLetters, name, *b.cfg.DeadLetterPrefix)
	}
	t := b.store.Snapshot().Topic(name)
	if t == nil && b.cfg.DeadLetterCreate {
		spec := b.spec(name)
		spec.Configs = map[string]string{topicconfig.DeadLetters: "true"}
		c := b.store.Create([]metadata.Spec{spec}, false)[0]
		if c.Err != nil && !errors.Is(c.Err, metadata.ErrExists) {
			return nil, fmt.Errorf("create topic %q: %w", name, c.Err)
		}
		t = b.store.Snapshot().Topic(name)
	}
	switch {
	case t == nil:
		return nil, fmt.Errorf("%w: there is no topic %q", share.ErrNoDeadLetters, name)
	case t.Internal() || b.inForce(t.Configs, topicconfig.DeadLetters) != "true":
		return nil, fmt.Errorf("%w: topic %q does not allow it, set %s=true", share.ErrNoDeadLetters, name, topicconfig.DeadLetters)
	}
	return t, nil
}
