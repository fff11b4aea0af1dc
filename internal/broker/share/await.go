package share

import (
	"context"
	"time"
)

// await gives out records until there is enough to answer, or the client's
// patience ends.
func (f *fetching) await(ctx context.Context) error {
	w := newWaiter()
	defer f.leave(w)
	patience := time.NewTimer(time.Until(f.deadline))
	defer patience.Stop()
	for standing := false; ; standing = true {
		if standing && f.wants() { // before it looks, or it would miss what comes meanwhile
			f.stand(w)
		}
		late := time.Until(f.deadline) <= 0
		waiting := f.try(w, late)
		if f.acquired > 0 || late || waiting == 0 || f.session.isClosed() {
			f.conclude()
			return nil
		}
		if !standing {
			continue
		}
		select {
		case <-w.called:
		case <-patience.C:
		case <-f.session.closed:
		case <-ctx.Done():
		}
		if f.gather(ctx); ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// gather lets records come in for a moment if the client wants many at once.
func (f *fetching) gather(ctx context.Context) {
	if f.req.MinBytes <= 1 {
		return
	}
	pause := time.NewTimer(min(gatherPause, max(0, time.Until(f.deadline))))
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
	}
}

// try takes what there is, unless it is too little and not too late. It returns
// how many partitions records may come from.
func (f *fetching) try(w *waiter, late bool) (waiting int) {
	ready := f.attachAll()
	size := 0
	for _, p := range ready {
		if f.req.MinBytes > 1 {
			size += p.size(f)
		}
	}
	if !late && size < int(f.req.MinBytes) && f.req.MinBytes > 1 {
		for _, p := range ready {
			p.line.decline(w)
		}
		return len(ready)
	}
	for _, p := range ready {
		if err := f.take(p); err != nil {
			f.result(p.place()).Code = codeOf(err)
		}
	}
	return len(ready)
}

// attachAll returns what the group knows of the partitions of the session, in the
// order in which they are to be asked.
func (f *fetching) attachAll() []*partition {
	var all []*partition
	for _, p := range f.session.turn() {
		found, err := f.attach(p)
		if r := f.results[p.place]; err != nil || r != nil {
			f.result(p.place).Code = codeOf(err)
		}
		if found != nil {
			all = append(all, found)
		}
	}
	return all
}

// attach finds what the group knows of a partition of the session. There is
// nothing, and no error, if the session has lost the partition meanwhile: the
// member may have ended it over another connection.
func (f *fetching) attach(p *part) (*partition, error) {
	t, ok := f.c.cfg.Topics.Topic(p.topic)
	f.session.mu.Lock()
	defer f.session.mu.Unlock()
	if f.session.mu.parts[p.place] != p {
		return nil, nil
	}
	if p.partition == nil || !ok || p.partition.isGone() {
		found, err := f.c.lookup(f.key.group, p.place)
		if err != nil {
			return nil, err
		}
		if p.partition != nil {
			p.partition.disuse()
		}
		p.partition = found
		found.use(&t)
	}
	p.partition.order(&t)
	return p.partition, nil
}

// stand puts w in line wherever records may come from.
func (f *fetching) stand(w *waiter) {
	f.session.mu.Lock()
	defer f.session.mu.Unlock()
	for _, p := range f.session.mu.order {
		if p.partition != nil {
			p.partition.line.stand(w)
		}
	}
}

// leave takes w out of all lines. Where it had been called and something is left,
// the next is called.
func (f *fetching) leave(w *waiter) {
	for l := range w.places {
		if l.leave(w) {
			l.call()
		}
	}
}

// conclude lists the partitions that are new to the session too.
func (f *fetching) conclude() {
	for _, at := range f.session.news() {
		f.result(at)
	}
}
