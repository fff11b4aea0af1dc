package share

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/groupconfig"
	"github.com/evidentlog/evident/internal/broker/share/window"
	"github.com/evidentlog/evident/internal/log"
)

const (
	// recordLimit is the acquire mode in which MaxRecords is exact (KIP-1206).
	recordLimit = 1
	// maxMemberID is how long a member's id may be (KIP-932: a UUID).
	maxMemberID = 36
	// gatherPause is how long a fetch that wants many bytes rests between two
	// looks.
	gatherPause = 5 * time.Millisecond
)

// Fetched answers a ShareFetch.
type Fetched struct {
	Code       int16
	LockMillis int32
	// Partitions are in no order, each once.
	Partitions []FetchedPartition
}

// FetchedPartition is what a ShareFetch gave of one partition.
type FetchedPartition struct {
	Topic   [16]byte
	Number  int32
	Code    int16
	AckCode int16
	// Slices hold the stored batches that have the records, and perhaps others
	// between them; Acquired says which were acquired.
	Slices   []*log.Slice
	Acquired []window.Range
}

// Close releases the slices.
func (f *Fetched) Close() {
	for i := range f.Partitions {
		closeAll(f.Partitions[i].Slices)
		f.Partitions[i].Slices = nil
	}
}

func closeAll(slices []*log.Slice) {
	for _, s := range slices {
		s.Close()
	}
}

// fetching is a ShareFetch at work.
type fetching struct {
	c        *Coordinator
	req      *kmsg.ShareFetchRequest
	key      sessionKey
	settings groupconfig.Settings
	session  *session
	deadline time.Time
	results  map[place]*FetchedPartition
	flushes  map[place]*flush // of acknowledgements
	maxBytes int

	acquired, bytes int // records and bytes so far
}

// Fetch answers ShareFetch (versions 1 and 2): it takes the acknowledgements that
// come with the request, and then gives out records; it waits for both, until ctx
// ends. The result must be closed. conn is the connection, with which the
// member's session ends, see [Coordinator.Disconnected]; at most maxBytes are
// returned, but for one batch.
func (c *Coordinator) Fetch(ctx context.Context, conn any, maxBytes int, req *kmsg.ShareFetchRequest) (*Fetched, error) {
	f := &fetching{
		c: c, req: req, key: sessionKey{deref(req.GroupID), deref(req.MemberID)},
		results: make(map[place]*FetchedPartition), flushes: make(map[place]*flush), maxBytes: min(maxBytes, int(req.MaxBytes)),
	}
	f.settings = c.cfg.Settings(f.key.group)
	f.deadline = time.Now().Add(time.Duration(max(req.MaxWaitMillis, 0)) * time.Millisecond)
	if err := f.begin(conn); err != nil {
		return &Fetched{Code: err.Code}, nil
	}
	f.acknowledge()
	if err := f.work(ctx); err != nil {
		f.answer().Close()
		return nil, err
	}
	return f.answer(), nil
}

// work does what comes after the acknowledgements have been taken.
func (f *fetching) work(ctx context.Context) error {
	if f.req.ShareSessionEpoch == closeSession {
		for at, fl := range f.c.end(f.session, false) {
			f.flushes[at] = fl
		}
	} else if !f.renews() {
		if err := f.await(ctx); err != nil {
			return err
		}
	}
	return f.settle(ctx)
}

func (f *fetching) lockMillis() int32 { return int32(f.settings.RecordLock.Milliseconds()) }

// renews tells if the request is about acknowledgements only (KIP-1222): the time
// to fetch might be longer than that of the locks that it renews.
func (f *fetching) renews() bool { return f.req.Version >= 2 && f.req.IsRenewAck }

// begin checks the request and finds its session.
func (f *fetching) begin(conn any) (err *kerr.Error) {
	if err := f.check(); err != nil {
		return err
	}
	switch f.req.ShareSessionEpoch {
	case openSession:
		var old *session
		if f.session, old, err = f.c.sessions.open(f.key, conn); err != nil {
			return err
		}
		f.c.abandon(old)
	case closeSession:
		if f.session = f.c.sessions.remove(f.key); f.session == nil {
			return kerr.ShareSessionNotFound
		}
		return nil
	default:
		if f.session, err = f.c.sessions.resume(f.key, f.req.ShareSessionEpoch); err != nil {
			return err
		}
	}
	f.change()
	return nil
}

func (f *fetching) check() *kerr.Error {
	r := f.req
	acks, bare := 0, 0
	for i := range r.Topics {
		for j := range r.Topics[i].Partitions {
			if len(r.Topics[i].Partitions[j].AcknowledgementBatches) > 0 {
				acks++
			} else {
				bare++
			}
		}
	}
	switch {
	case f.key.group == "", f.key.member == "", len(f.key.member) > maxMemberID:
		return kerr.InvalidRequest
	case f.renews() && (r.MaxBytes != 0 || r.MinBytes != 0 || r.MaxRecords != 0 || r.MaxWaitMillis != 0 || bare > 0):
		return kerr.InvalidRequest
	case r.ShareSessionEpoch == openSession && acks > 0:
		return kerr.InvalidRequest
	}
	return nil
}

// change applies what the request says of the session's partitions. Those that do
// not exist do not get into the session, so that it is no larger than the node.
func (f *fetching) change() {
	s := f.session
	s.mu.Lock()
	var gone []*part
	for i := range f.req.Topics {
		rt := &f.req.Topics[i]
		for j := range rt.Partitions {
			at := place{rt.TopicID, rt.Partitions[j].Partition}
			if err := f.c.exists(at); err != nil {
				f.result(at).Code = err.Code
				continue
			}
			s.put(at)
		}
	}
	for i := range f.req.ForgottenTopicsData {
		ft := &f.req.ForgottenTopicsData[i]
		for _, n := range ft.Partitions {
			if p := s.take(place{ft.TopicID, n}); p != nil {
				gone = append(gone, p)
			}
		}
	}
	s.mu.Unlock()
	disuse(gone)
}

// exists says why there is no such partition.
func (c *Coordinator) exists(at place) *kerr.Error {
	t, ok := c.cfg.Topics.Topic(at.topic)
	switch {
	case !ok:
		return kerr.UnknownTopicID
	case t.partition(at.number) == nil:
		return kerr.UnknownTopicOrPartition
	}
	return nil
}

// result is the answer for a partition.
func (f *fetching) result(at place) *FetchedPartition {
	r := f.results[at]
	if r == nil {
		r = &FetchedPartition{Topic: at.topic, Number: at.number}
		f.results[at] = r
	}
	return r
}

// settle waits until the acknowledgements are durable.
func (f *fetching) settle(ctx context.Context) error {
	for at, fl := range f.flushes {
		err := fl.wait(ctx)
		if err != nil && ctx.Err() != nil {
			return err
		}
		f.result(at).AckCode = codeOf(err)
	}
	return nil
}

// answer is what there is to answer.
func (f *fetching) answer() *Fetched {
	a := &Fetched{LockMillis: f.lockMillis()}
	for _, r := range f.results {
		a.Partitions = append(a.Partitions, *r)
	}
	return a
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
