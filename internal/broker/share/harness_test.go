package share

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	members "github.com/evidentlog/evident/internal/broker/group/share"
	"github.com/evidentlog/evident/internal/broker/groupconfig"
	"github.com/evidentlog/evident/internal/broker/share/window"
	"github.com/evidentlog/evident/internal/broker/statetopic/statetopictest"
	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// orders is the id of the harness's topic.
var orders = [16]byte{1}

// harness is a coordinator that runs, over a topic in a log in memory.
type harness struct {
	*Coordinator
	t     *testing.T
	store *statetopictest.Store
	log   *log.Log
	parts []*log.Partition

	mu       sync.Mutex
	topic    Topic
	looks    int    // at the topic
	onLook   func() // called at the next
	deleted  bool
	settings map[string]string
	letters  []DeadLetter
	refuse   error // of dead letters

	stop func()
}

// inBubble runs f with a coordinator and a topic of so many partitions, in a bubble
// whose clock it can turn.
func inBubble(t *testing.T, partitions int, f func(h *harness)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l, err := log.Open(log.Config{FS: vfs.NewMem(), Dir: "data"})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		h := &harness{t: t, store: statetopictest.New(4), log: l, settings: map[string]string{"share.auto.offset.reset": "earliest"}}
		h.topic.Name = "orders"
		for n := range partitions {
			p, err := l.OpenPartition(log.ID{Topic: "orders", TopicID: orders, Partition: int32(n)}, log.DefaultSettings())
			if err != nil {
				t.Fatal(err)
			}
			h.parts = append(h.parts, p)
		}
		h.topic.Partitions = h.parts
		if err := l.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.run()
		f(h)
		h.stop()
	})
}

// run starts a coordinator on what the store holds.
func (h *harness) run() {
	h.Coordinator = New(Config{Store: h.store, Topics: h, DeadLetters: h, Settings: func(string) groupconfig.Settings { return h.set() }})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.Run(ctx)
	}()
	h.stop = func() {
		cancel()
		<-done
	}
	synctest.Wait()
}

// restart is a crash: what was not durable is lost.
func (h *harness) restart() {
	h.stop()
	h.store.Crash()
	h.run()
}

func (h *harness) set() groupconfig.Settings {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, err := groupconfig.Of(h.settings, nil)
	if err != nil {
		h.t.Error(err)
	}
	return s
}

// configure changes properties of all groups.
func (h *harness) configure(name, value string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.settings[name] = value
}

// Topic implements Topics.
func (h *harness) Topic(id [16]byte) (Topic, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.looks++
	if f := h.onLook; f != nil {
		h.onLook = nil
		h.mu.Unlock()
		f()
		h.mu.Lock()
	}
	return h.topic, id == orders && !h.deleted
}

// Write implements DeadLetters.
func (h *harness) Write(l DeadLetter, done func(int64, error)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse == nil {
		h.letters = append(h.letters, l)
	}
	err := h.refuse
	go done(l.Last, err)
}

// append appends a batch of records with these values, of which "k=v" has the key
// k, and "k=v!7" the priority 7 too.
func (h *harness) append(partition int, values ...string) {
	h.t.Helper()
	b := new(batch.Codecs).NewBuilder(batch.Head{})
	for _, v := range values {
		r := batch.Record{Timestamp: time.Now().UnixMilli()}
		v, priority, ok := strings.Cut(v, "!")
		if ok {
			r.Headers = r.Headers.Append("priority", []byte(priority))
		}
		if key, value, ok := strings.Cut(v, "="); ok {
			r.Key, v = []byte(key), value
		}
		r.Value = []byte(v)
		if err := b.Append(r); err != nil {
			h.t.Fatal(err)
		}
	}
	raw, err := b.Build()
	if err != nil {
		h.t.Fatal(err)
	}
	done := make(chan error, 1)
	if _, err := h.parts[partition].Append(raw, log.AckDurable, func(err error) { done <- err }); err != nil {
		h.t.Fatal(err)
	}
	if err := <-done; err != nil {
		h.t.Fatal(err)
	}
}

// begin lets a group begin with all partitions.
func (h *harness) begin(group string) {
	h.t.Helper()
	done := make(chan error, 1)
	h.Begin(group, []members.Beginning{{Topic: orders, Count: int32(len(h.parts))}}, func(err error) { done <- err })
	if err := <-done; err != nil {
		h.t.Fatal(err)
	}
}

// member is a member of a group, with the epoch of its session.
type member struct {
	h     *harness
	group string
	id    string
	conn  any
	epoch int32
}

func (h *harness) member(group, id string) *member {
	return &member{h: h, group: group, id: id, conn: new(int)}
}

func (m *member) request() *kmsg.ShareFetchRequest {
	r := kmsg.NewPtrShareFetchRequest()
	r.Version, r.GroupID, r.MemberID, r.ShareSessionEpoch = 2, &m.group, &m.id, m.epoch
	r.MaxWaitMillis, r.MaxBytes, r.MaxRecords = 0, 1<<20, 500
	if m.epoch == 0 {
		t := kmsg.NewShareFetchRequestTopic()
		t.TopicID = orders
		for n := range m.h.parts {
			p := kmsg.NewShareFetchRequestTopicPartition()
			p.Partition = int32(n)
			t.Partitions = append(t.Partitions, p)
		}
		r.Topics = append(r.Topics, t)
	}
	return r
}

// send sends a fetch, which change may alter.
func (m *member) send(change ...func(*kmsg.ShareFetchRequest)) *Fetched {
	m.h.t.Helper()
	r := m.request()
	for _, f := range change {
		f(r)
	}
	f, err := m.h.Fetch(m.h.t.Context(), m.conn, 1<<20, r)
	if err != nil {
		m.h.t.Fatal(err)
	}
	if f.Code == 0 {
		m.epoch = nextEpoch(m.epoch)
	}
	m.h.t.Cleanup(f.Close)
	return f
}

// fetch sends a fetch and returns what it acquired, as "partition:first-last*deliveries".
func (m *member) fetch(change ...func(*kmsg.ShareFetchRequest)) []string {
	m.h.t.Helper()
	f := m.send(change...)
	if f.Code != 0 {
		m.h.t.Fatalf("fetch: %v", kerr.ErrorForCode(f.Code))
	}
	return m.h.describe(f)
}

// records is how many were acquired.
func (f *Fetched) records() (n int64) {
	for _, p := range f.Partitions {
		for _, r := range p.Acquired {
			n += r.Last - r.First + 1
		}
	}
	return n
}

func (h *harness) describe(f *Fetched) []string {
	h.t.Helper()
	var all []string
	for _, p := range f.Partitions {
		if p.Code != 0 {
			all = append(all, fmt.Sprintf("%d:%v", p.Number, kerr.ErrorForCode(p.Code)))
		}
		if p.AckCode != 0 {
			all = append(all, fmt.Sprintf("%d:ack:%v", p.Number, kerr.ErrorForCode(p.AckCode)))
		}
		h.checkRecords(p)
		for _, r := range p.Acquired {
			all = append(all, fmt.Sprintf("%d:%d-%d*%d", p.Number, r.First, r.Last, r.Deliveries))
		}
	}
	slices.Sort(all)
	return all
}

// checkRecords checks that the slices are whole batches in order that have all
// that was acquired.
func (h *harness) checkRecords(p FetchedPartition) {
	h.t.Helper()
	var have []int64
	at := int64(-1)
	for _, s := range p.Slices {
		raw, err := s.Bytes()
		if err != nil {
			h.t.Fatal(err)
		}
		for len(raw) > 0 {
			b, rest, err := batch.Next(raw)
			if err != nil || b.BaseOffset() <= at {
				h.t.Fatalf("partition %d: a batch at offset %d after %d: %v", p.Number, b.BaseOffset(), at, err)
			}
			at, raw = b.LastOffset(), rest
			for r := range new(batch.Codecs).Records(b) {
				have = append(have, r.Offset)
			}
		}
	}
	for _, r := range p.Acquired {
		for o := r.First; o <= r.Last; o++ {
			if !slices.Contains(have, o) {
				h.t.Fatalf("partition %d: offset %d was acquired, there are %v", p.Number, o, have)
			}
		}
	}
}

// wait lets a fetch wait for so long.
func wait(d time.Duration) func(*kmsg.ShareFetchRequest) {
	return func(r *kmsg.ShareFetchRequest) { r.MaxWaitMillis = int32(d.Milliseconds()) }
}

// most limits a fetch to so many records, exactly.
func most(n int) func(*kmsg.ShareFetchRequest) {
	return func(r *kmsg.ShareFetchRequest) { r.MaxRecords, r.ShareAcquireMode = int32(n), recordLimit }
}

// acks adds acknowledgements of offsets of a partition to a fetch.
func acks(partition int32, first, last int64, types ...int8) func(*kmsg.ShareFetchRequest) {
	return func(r *kmsg.ShareFetchRequest) {
		t := kmsg.NewShareFetchRequestTopic()
		t.TopicID = orders
		p := kmsg.NewShareFetchRequestTopicPartition()
		p.Partition = partition
		p.AcknowledgementBatches = []kmsg.ShareFetchRequestTopicPartitionAcknowledgementBatch{{FirstOffset: first, LastOffset: last, AcknowledgeTypes: types}}
		t.Partitions = append(t.Partitions, p)
		r.Topics = append(r.Topics, t)
	}
}

// acknowledge sends a ShareAcknowledge of one range.
func (m *member) acknowledge(partition int32, first, last int64, types ...int8) *kerr.Error {
	m.h.t.Helper()
	r := kmsg.NewPtrShareAcknowledgeRequest()
	r.Version, r.GroupID, r.MemberID, r.ShareSessionEpoch = 2, &m.group, &m.id, m.epoch
	r.IsRenewAck = slices.Contains(types, window.Renew)
	t := kmsg.NewShareAcknowledgeRequestTopic()
	t.TopicID = orders
	p := kmsg.NewShareAcknowledgeRequestTopicPartition()
	p.Partition = partition
	p.AcknowledgementBatches = []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{{FirstOffset: first, LastOffset: last, AcknowledgeTypes: types}}
	t.Partitions = append(t.Partitions, p)
	r.Topics = append(r.Topics, t)
	resp, err := m.h.Acknowledge(m.h.t.Context(), r)
	if err != nil {
		m.h.t.Fatal(err)
	}
	if resp.ErrorCode != 0 {
		return kerr.TypedErrorForCode(resp.ErrorCode)
	}
	m.epoch = nextEpoch(m.epoch)
	return kerr.TypedErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
}

// position is the group's position in partition 0.
func (h *harness) position(group string) (start, lag int64) {
	h.t.Helper()
	done := make(chan error, 1)
	h.Position(group, orders, 0, func(s, l int64, err error) {
		start, lag = s, l
		done <- err
	})
	if err := <-done; err != nil {
		h.t.Fatal(err)
	}
	return start, lag
}

func want(t testing.TB, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
