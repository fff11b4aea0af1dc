package share

import (
	"errors"
	"time"
)

const (
	// lettersAtOnce is how many dead letters are asked for at once.
	lettersAtOnce = 500
	// letterAttempts is how often it is tried to write dead letters (as in Kafka).
	letterAttempts = 5
	// firstLetterRetry is how long the second attempt waits; each further one
	// waits twice as long.
	firstLetterRetry = time.Second
)

// letters is what a share-partition knows of its dead letters.
type letters struct {
	underWay bool
	attempts int       // for the records that come next
	retry    time.Time // when the next is made; zero: at once
}

// nextLetter returns what is to be written next, if there is anything and nothing
// is under way. The lock is held.
func (p *partition) nextLetter() *DeadLetter {
	l := &p.mu.letters
	if l.underWay || !l.retry.IsZero() || p.mu.gone {
		return nil
	}
	r, ok := p.mu.window.GivenUp()
	if !ok {
		return nil
	}
	l.underWay = true
	return &DeadLetter{
		Group: p.key.Group, Topic: p.key.Topic, Partition: p.key.Partition,
		First: r.First, Last: min(r.Last, r.First+lettersAtOnce-1), Deliveries: r.Deliveries,
		Rejected: int(r.Deliveries) < p.settings().DeliveryLimit,
	}
}

// send has dead letters written.
func (p *partition) send(l *DeadLetter) {
	p.c.cfg.DeadLetters.Write(*l, func(last int64, err error) {
		p.c.events.add(func() { p.lettered(l, last, err) })
	})
}

// lettered ends an attempt to write dead letters, of which there are some up to
// offset last. When there have been enough attempts, the records are finished without.
func (p *partition) lettered(l *DeadLetter, last int64, err error) {
	p.mu.Lock()
	defer p.unlock()
	s := &p.mu.letters
	s.underWay = false
	s.attempts++
	if err != nil && s.attempts < letterAttempts && !errors.Is(err, ErrNoDeadLetters) {
		s.retry = time.Now().Add(firstLetterRetry << (s.attempts - 1))
		return
	}
	if err != nil {
		last = l.Last
		p.c.cfg.Logger.Warn("records were given up without dead letters", "group", l.Group,
			"partition", l.Partition, "first", l.First, "last", l.Last, "attempts", s.attempts, "error", err)
	}
	s.attempts = 0
	p.mu.window.Archive(l.First, last)
	p.changed()
}
