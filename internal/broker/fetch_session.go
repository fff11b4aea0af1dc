package broker

import (
	"container/list"
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
)

// evictAfter is how long a session is safe from making room for another
// (Kafka: min.incremental.fetch.session.eviction.ms).
const evictAfter = 2 * time.Minute

// session is a fetch session (KIP-227): the broker remembers which partitions a
// client reads, so that requests and responses carry only what changed.
type session struct {
	id      int32
	set     *fetchSet
	turn    chan struct{}            // holds a token while a fetch is running
	epoch   int32                    // expected next; owned by the running fetch
	entries map[entryKey]*fetchEntry // owned by the running fetch
	// committed tells whether the last fetch was read_committed; owned by the
	// running fetch.
	committed bool

	element *list.Element // guarded by fetchSessions.mu, as is used
	used    time.Time
}

// entryKey names a partition as the session's requests do.
type entryKey struct {
	topic  string
	id     metadata.ID
	number int32
}

// index makes the entries findable and watches them all.
func (s *session) index() {
	s.entries = make(map[entryKey]*fetchEntry, len(s.set.work))
	kept := s.set.work[:0]
	for _, e := range s.set.work {
		key := s.key(e.topic, e.id, e.number)
		if s.entries[key] == nil { // a partition that is named twice counts once
			s.entries[key] = e
			kept = append(kept, e)
		}
	}
	s.set.work = kept
	s.set.watch()
}

func (s *session) key(topic string, id metadata.ID, number int32) entryKey {
	if s.set.usesIDs {
		return entryKey{id: id, number: number}
	}
	return entryKey{topic: topic, number: number}
}

// change applies what an incremental request says.
func (s *session) change(topics *metadata.Snapshot, req *kmsg.FetchRequest) {
	for i := range req.ForgottenTopics {
		ft := &req.ForgottenTopics[i]
		for _, number := range ft.Partitions {
			s.forget(s.key(ft.Topic, ft.TopicID, number))
		}
	}
	for i := range req.Topics {
		rt := &req.Topics[i]
		t := lookup(topics, s.set.usesIDs, rt.Topic, rt.TopicID)
		for j := range rt.Partitions {
			s.put(t, rt, &rt.Partitions[j])
		}
	}
}

// isolate looks at all partitions if the isolation level is another than before:
// there may be records now where there were none.
func (s *session) isolate(committed bool) {
	if s.committed == committed {
		return
	}
	s.committed = committed
	for _, e := range s.entries {
		s.set.queue(e)
	}
}

func (s *session) put(t *metadata.Topic, rt *kmsg.FetchRequestTopic, rp *kmsg.FetchRequestTopicPartition) {
	key := s.key(rt.Topic, rt.TopicID, rp.Partition)
	if e := s.entries[key]; e != nil {
		e.update(rp)
		s.set.queue(e)
		return
	}
	e := newFetchEntry(t, rt, rp)
	s.entries[key] = e
	s.set.work = append(s.set.work, e)
	s.set.watchEntry(e)
}

func (s *session) forget(key entryKey) {
	e := s.entries[key]
	if e == nil {
		return
	}
	delete(s.entries, key)
	s.set.unwatchEntry(e)
	e.forgotten = true
}

// told remembers what the client is being told, and moves partitions that gave
// records behind the others, so that all get their turn.
func (s *session) told(results []fetched) {
	served := make([]*fetchEntry, 0, len(results))
	for i := range results {
		r := &results[i]
		e := r.entry
		e.highWatermark, e.logStart = r.highWatermark, r.logStart
		if r.size() > 0 {
			served = append(served, e)
			e.queued = false
		}
	}
	rest := s.set.work[:0]
	for _, e := range s.set.work {
		if e.queued {
			rest = append(rest, e)
		}
	}
	for _, e := range served {
		e.queued = true
	}
	s.set.work = append(rest, served...)
}

// release lets the next fetch of the session run.
func (s *session) release() {
	s.epoch = nextEpoch(s.epoch)
	<-s.turn
}

// nextEpoch skips the values that have a meaning of their own.
func nextEpoch(epoch int32) int32 {
	if epoch == math.MaxInt32 {
		return 1
	}
	return epoch + 1
}

// fetchSessions are the sessions of all clients, at most slots.
type fetchSessions struct {
	slots int
	now   func() time.Time
	mu    struct {
		sync.Mutex
		byID map[int32]*session
		used list.List // of *session, least recently used first
	}
}

func newFetchSessions(slots int, now func() time.Time) *fetchSessions {
	s := &fetchSessions{slots: slots, now: now}
	s.mu.byID = make(map[int32]*session)
	return s
}

func (f *fetchSessions) count() float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return float64(len(f.mu.byID))
}

// add makes a session of the set, whose first fetch is running. It returns nil
// if there is no room: the client then goes on without.
func (f *fetchSessions) add(set *fetchSet) *session {
	s := &session{set: set, turn: make(chan struct{}, 1), used: f.now()}
	s.turn <- struct{}{}
	f.mu.Lock()
	evicted, ok := f.makeRoom()
	if ok {
		for s.id == 0 || f.mu.byID[s.id] != nil {
			s.id = rand.Int32N(math.MaxInt32)
		}
		f.mu.byID[s.id] = s
		s.element = f.mu.used.PushBack(s)
	}
	f.mu.Unlock()
	if evicted != nil {
		evicted.set.close()
	}
	if !ok {
		return nil
	}
	return s
}

// makeRoom drops the session that has been unused for longest if there are too
// many. The lock is held.
func (f *fetchSessions) makeRoom() (evicted *session, ok bool) {
	if len(f.mu.byID) < f.slots {
		return nil, true
	}
	oldest := f.mu.used.Front().Value.(*session)
	if f.now().Sub(oldest.used) < evictAfter || len(oldest.turn) > 0 {
		return nil, false
	}
	f.drop(oldest)
	return oldest, true
}

func (f *fetchSessions) drop(s *session) {
	delete(f.mu.byID, s.id)
	f.mu.used.Remove(s.element)
}

// resume finds the session that req continues and waits until no other fetch
// of it is running. Without a session, code says what is wrong.
func (f *fetchSessions) resume(ctx context.Context, req *kmsg.FetchRequest) (s *session, code int16, err error) {
	if s = f.use(req.SessionID); s == nil {
		return nil, kerr.FetchSessionIDNotFound.Code, nil
	}
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, 0, context.Cause(ctx)
	}
	switch {
	case s.epoch != req.SessionEpoch:
		code = kerr.InvalidFetchSessionEpoch.Code
	case s.set.usesIDs != (req.Version >= fetchIDs):
		code = kerr.FetchSessionTopicIDError.Code
	default:
		return s, 0, nil
	}
	<-s.turn
	return nil, code, nil
}

func (f *fetchSessions) use(id int32) *session {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.mu.byID[id]
	if s != nil {
		s.used = f.now()
		f.mu.used.MoveToBack(s.element)
	}
	return s
}

func (f *fetchSessions) remove(id int32) {
	f.mu.Lock()
	s := f.mu.byID[id]
	if s != nil {
		f.drop(s)
	}
	f.mu.Unlock()
	if s != nil {
		s.set.close()
	}
}

// removeAll removes the sessions of a connection that has ended: a client
// begins anew on its next one.
func (f *fetchSessions) removeAll(ids map[int32]struct{}) {
	for id := range ids {
		f.remove(id)
	}
}
