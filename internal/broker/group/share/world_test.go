package share

import (
	"fmt"
	"iter"
	"maps"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/consumer"
)

// fakeTopics are topics by name.
type fakeTopics struct {
	version int64
	topics  map[string]fakeTopic
}

type fakeTopic struct {
	id         TopicID
	partitions int32
}

func (f *fakeTopics) Version() int64          { return f.version }
func (f *fakeTopics) Names() iter.Seq[string] { return maps.Keys(f.topics) }

func (f *fakeTopics) ByName(name string) (TopicID, int32, bool) {
	t, ok := f.topics[name]
	return t.id, t.partitions, ok
}

func (f *fakeTopics) ByID(id TopicID) (string, bool) {
	for name, t := range f.topics {
		if t.id == id {
			return name, true
		}
	}
	return "", false
}

func (f *fakeTopics) set(name string, partitions int32) {
	f.version++
	t, ok := f.topics[name]
	if !ok || partitions < t.partitions { // made anew
		copy(t.id[:], fmt.Sprint(name, f.version))
	}
	t.partitions = partitions
	f.topics[name] = t
}

// world is a group, the topics, and the log of its records.
type world struct {
	t      fataler
	cfg    Config
	topics *fakeTopics
	now    time.Time
	g      *Group
	log    Image
	begun  map[TopicID]map[int32]bool // share-partitions that are there
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func newWorld(t fataler) *world {
	w := &world{t: t, cfg: Config{MaxSize: 5}, topics: &fakeTopics{topics: map[string]fakeTopic{}}, now: time.Unix(1000, 0), begun: map[TopicID]map[int32]bool{}}
	w.g = New(&w.cfg, "g")
	return w
}

func (w *world) env() Env {
	return Env{Now: w.now, Topics: w.topics, SessionTimeout: 45 * time.Second, HeartbeatInterval: 5 * time.Second}
}

// write is the disk.
func (w *world) write(fx Effects) {
	w.t.Helper()
	for _, r := range fx.Records {
		if err := w.log.Apply(r.Key, r.Value); err != nil {
			w.t.Fatalf("record %x: %v", r.Key, err)
		}
	}
}

// heartbeat sends one as a coordinator would have it stepped.
func (w *world) heartbeat(member string, epoch int32, topics ...string) *kmsg.ShareGroupHeartbeatResponse {
	w.t.Helper()
	req := kmsg.NewPtrShareGroupHeartbeatRequest()
	req.Version, req.GroupID, req.MemberID, req.MemberEpoch, req.SubscribedTopicNames = 1, "g", member, epoch, topics
	if err := CheckHeartbeat(req); err != nil {
		w.t.Fatalf("heartbeat of %s: %v", member, err)
	}
	list := w.g.Beginnings(w.topics, req)
	for _, b := range list {
		of := w.begun[b.Topic]
		if of == nil {
			of = map[int32]bool{}
			w.begun[b.Topic] = of
		}
		if b.Grown != (len(of) > 0) {
			w.t.Fatalf("%+v, though %d partitions are there", b, len(of))
		}
		for n := b.First; n < b.First+b.Count; n++ {
			of[n] = true
		}
	}
	w.write(w.g.Begun(w.env(), list))
	resp, fx := w.g.Heartbeat(w.env(), consumer.Client{ID: "c", Host: "/h"}, req)
	w.write(fx)
	return resp
}

func (w *world) restart() {
	w.g = Restore(&w.cfg, "g", w.env(), &w.log)
}

// join lets a member join and returns its epoch.
func (w *world) join(member string, topics ...string) int32 {
	w.t.Helper()
	resp := w.heartbeat(member, 0, topics...)
	if resp.ErrorCode != 0 || resp.MemberID == nil || *resp.MemberID != member || resp.Assignment == nil {
		w.t.Fatalf("join of %s: %+v", member, resp)
	}
	return resp.MemberEpoch
}

func wantCode(t *testing.T, resp *kmsg.ShareGroupHeartbeatResponse, want *kerr.Error) {
	t.Helper()
	if got := kerr.TypedErrorForCode(resp.ErrorCode); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
