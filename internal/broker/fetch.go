package broker

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/broker/quota"
)

// First versions of Fetch that have something.
const (
	fetchLogStart     = 5
	fetchSession      = 7  // KIP-227
	fetchReadReplica  = 11 // KIP-392
	fetchIDs          = 13 // KIP-516
	readCommitted     = 1  // isolation level
	firstSessionEpoch = 0  // asks for a session; -1 asks for none
)

// gatherPause is how long a fetch that wants many bytes rests between two
// looks; longer if it looks at many partitions, each of which costs something
// each time, but no longer than gatherMost.
const (
	gatherPause = 5 * time.Millisecond
	gatherEach  = 50 * time.Microsecond
	gatherMost  = 50 * time.Millisecond
)

// fetching is a Fetch request being worked on.
type fetching struct {
	broker   *Broker
	call     *call
	req      *kmsg.FetchRequest
	set      *fetchSet
	session  *session // nil without one
	dropped  bool     // the session was taken back
	full     bool     // answer for every partition, not only for what changed
	deadline time.Time
}

// fetch waits for records and answers with what there is.
func (b *Broker) fetch(ctx context.Context, c *call) (answer, error) {
	req := kmsg.NewPtrFetchRequest()
	if err := c.decode(req); err != nil {
		return nil, err
	}
	b.budget.release(&c.hold) // a request that waits for records must not keep others out
	c.body = nil
	f := &fetching{broker: b, call: c, req: req, full: true}
	f.deadline = time.Now().Add(time.Duration(max(req.MaxWaitMillis, 0)) * time.Millisecond)
	if code, err := f.open(ctx); code != 0 || err != nil {
		return newFetchAnswer(f, code, nil), err
	}
	defer f.close()
	results, err := f.await(ctx)
	if err != nil {
		return nil, err
	}
	return f.conclude(results), nil
}

// open finds or makes the set of partitions that the request is about. A code
// other than 0 answers the request.
func (f *fetching) open(ctx context.Context) (code int16, err error) {
	if f.req.Version >= fetchSession && f.req.SessionEpoch > firstSessionEpoch {
		return f.resume(ctx)
	}
	if f.req.Version >= fetchSession && f.req.SessionID != 0 {
		f.broker.sessions.remove(f.req.SessionID)
		delete(f.call.conn.sessions, f.req.SessionID)
	}
	f.set = newFetchSet(f.req.Version >= fetchIDs)
	snapshot := f.broker.store.Snapshot()
	for i := range f.req.Topics {
		rt := &f.req.Topics[i]
		t := lookup(snapshot, f.set.usesIDs, rt.Topic, rt.TopicID)
		for j := range rt.Partitions {
			e := newFetchEntry(t, rt, &rt.Partitions[j])
			f.set.work = append(f.set.work, e)
		}
	}
	if f.req.Version >= fetchSession && f.req.SessionEpoch == firstSessionEpoch && len(f.set.work) > 0 {
		f.session = f.broker.sessions.add(f.set)
		if f.session != nil {
			f.call.conn.sessions[f.session.id] = struct{}{}
			f.session.committed = f.committed()
			f.session.index()
		}
	}
	return 0, nil
}

// resume continues a session with the changes that the request brings.
func (f *fetching) resume(ctx context.Context) (code int16, err error) {
	s, code, err := f.broker.sessions.resume(ctx, f.req)
	if s == nil {
		return code, err
	}
	f.call.conn.sessions[s.id] = struct{}{}
	f.session, f.set, f.full = s, s.set, false
	s.change(f.broker.store.Snapshot(), f.req)
	s.isolate(f.committed())
	return 0, nil
}

// close lets the session be used by the next request.
func (f *fetching) close() {
	if f.session != nil {
		f.session.release()
		return
	}
	f.set.close()
}

// lookup finds a topic as the request names it.
func lookup(s *metadata.Snapshot, byID bool, name string, id metadata.ID) *metadata.Topic {
	if byID {
		return s.TopicByID(id)
	}
	return s.Topic(name)
}

// await reads until there is enough to answer, or the client's patience ends.
func (f *fetching) await(ctx context.Context) ([]fetched, error) {
	var timer *time.Timer
	for {
		results, enough := f.read()
		left := time.Until(f.deadline)
		if enough || left <= 0 {
			return results, nil
		}
		discard(results)
		if timer == nil {
			if f.set.watch() { // what came before the watch has to be looked for again
				continue
			}
			timer = time.NewTimer(left)
			defer timer.Stop()
		}
		began := time.Now()
		select {
		case <-f.set.wake:
		case <-timer.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		f.gather(ctx)
		f.call.waited += time.Since(began)
	}
}

// gather lets records come in for a moment if the client wants many at once: it keeps a busy
// partition from having us look again for each batch.
func (f *fetching) gather(ctx context.Context) {
	if f.req.MinBytes <= 1 {
		return
	}
	rest := min(max(gatherPause, time.Duration(len(f.set.work))*gatherEach), gatherMost)
	pause := time.NewTimer(min(rest, max(0, time.Until(f.deadline))))
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
	}
}

// read looks at the partitions that may have something to tell. It reports
// whether that is enough for an answer.
func (f *fetching) read() (results []fetched, enough bool) {
	f.set.collect()
	snapshot := f.broker.store.Snapshot()
	room := min(int(f.req.MaxBytes), f.broker.cfg.FetchMaxBytes, f.call.mostAtOnce(quota.ConsumerBytes))
	got, failed := 0, false
	kept := f.set.work[:0]
	for _, e := range f.set.work {
		if e.forgotten {
			continue
		}
		r := e.read(f.set, snapshot, look{f.committed(), room - got, got == 0})
		got += r.size()
		failed = failed || r.code != 0 && e.partition != nil
		told := f.full || r.news()
		if told {
			results = append(results, r)
		}
		if told || r.pending() {
			kept = append(kept, e)
			continue
		}
		e.queued = false
	}
	clear(f.set.work[len(kept):])
	f.set.work = kept
	return results, failed || got >= max(min(int(f.req.MinBytes), room), 1) || f.req.MinBytes <= 0 || !f.set.anyPartition()
}

// committed tells if the client wants only what is decided (KIP-98).
func (f *fetching) committed() bool { return f.req.IsolationLevel == readCommitted }

// conclude turns results into the answer and remembers what it tells. If the
// client used up its quota that is nothing.
func (f *fetching) conclude(results []fetched) answer {
	a := newFetchAnswer(f, 0, results)
	ms, ok := f.call.try(quota.ConsumerBytes, float64(a.size()))
	if !ok {
		a.drop()
		a = f.nothing()
	} else if f.session != nil {
		f.session.told(results)
	}
	a.throttle(ms)
	return a
}

// nothing is an answer without partitions. To a full fetch it cannot establish a
// session: clients take it for none (KIP-219).
func (f *fetching) nothing() *recordsAnswer {
	if f.full && f.session != nil {
		f.broker.sessions.remove(f.session.id)
		delete(f.call.conn.sessions, f.session.id)
		f.dropped = true
	}
	return newFetchAnswer(f, 0, nil)
}

func discard(results []fetched) {
	for i := range results {
		if s := results[i].slice; s != nil {
			s.Close()
		}
	}
}
