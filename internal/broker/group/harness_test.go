package group

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/consumer"
	"github.com/evidentlog/evident/internal/broker/statetopic/statetopictest"
)

var errDisk = errors.New("disk on fire")

// fakeTopics is a set of topics by name. Their ids are made from their names
// and a version, so that a topic can be made anew.
type fakeTopics struct {
	mu      sync.Mutex
	version int64
	topics  map[string]fakeTopic
	names   <-chan struct{} // Names of images waits for it, unless it is nil
}

type fakeTopic struct {
	id         [16]byte
	partitions int32
}

func (f *fakeTopics) add(name string, version byte, partitions int32) [16]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	var id [16]byte
	copy(id[:], name)
	id[15] = version
	f.version++
	f.topics[name] = fakeTopic{id, partitions}
	return id
}

func (f *fakeTopics) remove(name string) [16]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := f.topics[name].id
	f.version++
	delete(f.topics, name)
	return id
}

func (f *fakeTopics) Image() consumer.Topics {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fakeImage{&fakeTopics{version: f.version, topics: maps.Clone(f.topics), names: f.names}}
}

// fakeImage is a copy of topics that is not changed.
type fakeImage struct{ *fakeTopics }

func (f fakeImage) Version() int64 { return f.version }

func (f fakeImage) Names() iter.Seq[string] {
	if f.names != nil {
		<-f.names
	}
	return maps.Keys(f.topics)
}

func (f fakeImage) ByName(name string) (id [16]byte, partitions int32, ok bool) {
	return f.TopicByName(name)
}

func (f fakeImage) ByID(id [16]byte) (name string, ok bool) {
	name, _, ok = f.TopicByID(id)
	return name, ok
}

func (f *fakeTopics) TopicByName(name string) (id [16]byte, partitions int32, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t, ok := f.topics[name]
	return t.id, t.partitions, ok
}

func (f *fakeTopics) TopicByID(id [16]byte) (name string, partitions int32, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, t := range f.topics {
		if t.id == id {
			return name, t.partitions, true
		}
	}
	return "", 0, false
}

// harness is a coordinator that runs.
type harness struct {
	*Coordinator
	t      testing.TB
	store  *statetopictest.Store
	topics *fakeTopics
	cfg    Config
	stop   func()
}

// inBubble runs f with a coordinator, in a bubble whose clock it can turn.
func inBubble(t *testing.T, store *statetopictest.Store, f func(h *harness)) {
	synctest.Test(t, func(t *testing.T) {
		topics := &fakeTopics{topics: map[string]fakeTopic{}}
		topics.add("orders", 1, 10)
		topics.add("payments", 1, 10)
		h := &harness{t: t, store: store, topics: topics, cfg: Config{Store: store, Topics: topics}}
		h.start()
		defer func() { h.stop() }()
		synctest.Wait()
		f(h)
	})
}

func (h *harness) start() {
	h.Coordinator = New(h.cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- h.Run(ctx) }()
	h.stop = func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			h.t.Errorf("Run: %v", err)
		}
	}
}

// restart stops the coordinator and starts another on what is durable.
func (h *harness) restart() {
	h.stop()
	h.store.Crash()
	h.start()
	synctest.Wait()
}

var someone = ClientInfo{ID: "client", Host: "/127.0.0.1"}

// begin sends a request; the reply can be received later. Replies that come
// twice block and fail the bubble.
func begin[Req, Resp any](f func(ClientInfo, Req, func(Resp)), req Req) <-chan Resp {
	reply := make(chan Resp, 1)
	f(someone, req, func(r Resp) { reply <- r })
	return reply
}

// call sends a request and waits for the reply.
func call[Req, Resp any](f func(ClientInfo, Req, func(Resp)), req Req) Resp {
	return <-begin(f, req)
}

// answered reports whether the reply has come, once all goroutines are idle.
func answered[Resp any](reply <-chan Resp) bool {
	synctest.Wait()
	return len(reply) > 0
}

func (h *harness) wantCode(what string, code int16, want *kerr.Error) {
	h.t.Helper()
	if code != codeOf(want) {
		h.t.Fatalf("%s: %v, want %v", what, kerr.ErrorForCode(code), want)
	}
}

// commitRequest commits one offset as no member.
func commitRequest(group, topic string, partition int32, offset int64) *kmsg.OffsetCommitRequest {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Version, req.Group = 9, group
	rp := kmsg.NewOffsetCommitRequestTopicPartition()
	rp.Partition, rp.Offset, rp.LeaderEpoch, rp.Metadata = partition, offset, 3, kmsg.StringPtr("note")
	req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: topic, Partitions: []kmsg.OffsetCommitRequestTopicPartition{rp}}}
	return req
}

func (h *harness) commit(group, topic string, partition int32, offset int64) {
	h.t.Helper()
	h.wantCode("OffsetCommit", commitCode(call(h.OffsetCommit, commitRequest(group, topic, partition, offset))), nil)
}

func commitCode(r *kmsg.OffsetCommitResponse) int16 { return r.Topics[0].Partitions[0].ErrorCode }

// fetchRequest asks for one offset.
func fetchRequest(group, topic string, partition int32) *kmsg.OffsetFetchRequest {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Version = 9
	rg := kmsg.NewOffsetFetchRequestGroup()
	rg.Group = group
	rg.Topics = []kmsg.OffsetFetchRequestGroupTopic{{Topic: topic, Partitions: []int32{partition}}}
	req.Groups = []kmsg.OffsetFetchRequestGroup{rg}
	return req
}

// offset returns the committed offset, -1 if there is none.
func (h *harness) offset(group, topic string, partition int32) int64 {
	h.t.Helper()
	g := call(h.OffsetFetch, fetchRequest(group, topic, partition)).Groups[0]
	h.wantCode("OffsetFetch", g.ErrorCode, nil)
	return g.Topics[0].Partitions[0].Offset
}

func (h *harness) wantOffset(group, topic string, partition int32, want int64) {
	h.t.Helper()
	if got := h.offset(group, topic, partition); got != want {
		h.t.Fatalf("%s, %s-%d: offset %d, want %d", group, topic, partition, got, want)
	}
}

func joinRequest(group, member string, topics ...string) *kmsg.JoinGroupRequest {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version, req.Group, req.MemberID, req.ProtocolType = 9, group, member, "consumer"
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = 10_000, 60_000
	meta := kmsg.NewConsumerMemberMetadata()
	meta.Topics = topics
	req.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: meta.AppendTo(nil)}}
	return req
}

func heartbeatRequest(group, member string, generation int32) *kmsg.HeartbeatRequest {
	req := kmsg.NewPtrHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.Generation = 4, group, member, generation
	return req
}

// stable makes a group with one member, and returns its id.
func (h *harness) stable(group string, topics ...string) (member string, generation int32) {
	h.t.Helper()
	r := call(h.Join, joinRequest(group, "", topics...))
	h.wantCode("JoinGroup", r.ErrorCode, kerr.MemberIDRequired)
	r = call(h.Join, joinRequest(group, r.MemberID, topics...))
	h.wantCode("JoinGroup", r.ErrorCode, nil)
	req := kmsg.NewPtrSyncGroupRequest()
	req.Version, req.Group, req.MemberID, req.Generation = 4, group, r.MemberID, r.Generation
	req.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: r.MemberID, MemberAssignment: []byte("all")}}
	h.wantCode("SyncGroup", call(h.SyncGroup, req).ErrorCode, nil)
	return r.MemberID, r.Generation
}

func (h *harness) heartbeat(group, member string, generation int32) int16 {
	return call(h.Heartbeat, heartbeatRequest(group, member, generation)).ErrorCode
}

func (h *harness) leave(group, member string) {
	h.t.Helper()
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Version, req.Group = 5, group
	req.Members = []kmsg.LeaveGroupRequestMember{{MemberID: member}}
	h.wantCode("LeaveGroup", call(h.LeaveGroup, req).Members[0].ErrorCode, nil)
}

// groups lists all groups as "id state".
func (h *harness) groups() []string {
	req := kmsg.NewPtrListGroupsRequest()
	req.Version = 5
	var all []string
	for _, g := range call(h.ListGroups, req).Groups {
		all = append(all, g.Group+" "+g.GroupState)
	}
	return all
}

func (h *harness) wantGroups(want ...string) {
	h.t.Helper()
	if got := h.groups(); !slices.Equal(got, want) {
		h.t.Fatalf("groups %q, want %q", got, want)
	}
}

// pass lets time pass.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
