package consumer

import (
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// join lets a member join, which says all there is to say.
func join(t *testing.T, g *Group, e Env, id string) []Record {
	t.Helper()
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.RebalanceTimeoutMillis = 1, "g", id, 60_000
	req.InstanceID, req.RackID, req.ServerAssignor, req.SubscribedTopicRegex = kmsg.StringPtr("i-"+id), kmsg.StringPtr("r"), kmsg.StringPtr("range"), kmsg.StringPtr("pay.*")
	req.SubscribedTopicNames = []string{"orders"}
	req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	resp, fx := g.Heartbeat(e, Heartbeat{Client: Client{ID: "c", Host: "/h"}, Request: req})
	if resp.ErrorCode != 0 {
		t.Fatalf("%s: %s", id, *resp.ErrorMessage)
	}
	return fx.Records
}

func newTestGroup() (*Group, Env) {
	topics := (&fakeTopics{}).with("orders", 1, 4).with("payments", 1, 2)
	return New(&Config{MaxSize: 10, ClassicMaxSize: 10}, "g"), env(time.UnixMilli(1_000_000), topics)
}

// Of two members that the log gives the same partition, the one that got it
// later keeps it: that the other gave it up could not be written.
func TestAPartitionThatTwoHold(t *testing.T) {
	for _, last := range []string{"a", "b"} {
		g, e := newTestGroup()
		s := stored{}
		s.append(join(t, g, e, "a"))
		s.append(join(t, g, e, "b"))
		id, _, _ := e.Topics.ByName("orders")
		for _, member := range []string{"a", "b"} {
			epoch := int32(2)
			if member == last {
				epoch = 3
			}
			m := &member2{member, held{Partition{Topic: id}: epoch}}
			s.append([]Record{m.record()})
		}
		im, err := s.image()
		if err != nil {
			t.Fatal(err)
		}
		g = Restore(g.cfg, "g", e, im)
		for id, m := range g.members {
			if has := len(m.assigned) == 1; has != (id == last) {
				t.Errorf("%s got it last, and %s has %v", last, id, m.assigned)
			}
		}
	}
}

// member2 is a member with these partitions in the log.
type member2 struct {
	id       string
	assigned held
}

func (m *member2) record() Record {
	return currentRecord("g", &member{id: m.id, progress: progress{epoch: 3, previous: 2, assigned: m.assigned}})
}

// Records of before Kafka 4.3 do not say when a partition was assigned, and those
// of Kafka may leave out what is null here.
func TestOlderRecords(t *testing.T) {
	g, e := newTestGroup()
	s := stored{}
	s.append(join(t, g, e, "a"))
	id, _, _ := e.Topics.ByName("orders")
	b := kbin.AppendInt8(kbin.AppendInt32(kbin.AppendInt32(value(), 7), 6), 0)
	b = kbin.AppendUuid(kbin.AppendCompactArrayLen(b, 1), id)
	b = noTags(appendInts(b, []int32{3}))
	b = noTags(kbin.AppendCompactArrayLen(b, 0))
	s.append([]Record{
		{currentKey("g", "a"), b},
		{legacyTopicsKey("g"), []byte{0, 0, 1, 0}},
	})
	im, err := s.image()
	if err != nil {
		t.Fatal(err)
	}
	g = Restore(g.cfg, "g", e, im)
	m := g.members["a"]
	if m.epoch != 7 || m.previous != 6 || m.assigned[Partition{Topic: id, Number: 3}] != 7 {
		t.Errorf("%+v", m.progress)
	}
	records := join(t, g, e, "b")
	if !slices.ContainsFunc(records, func(r Record) bool { return string(r.Key) == string(legacyTopicsKey("g")) && r.Value == nil }) {
		t.Error("the topics of before Kafka 4.1 stay in the log")
	}
}

// What a group removes of itself is all that it wrote.
func TestRemovalLeavesNothing(t *testing.T) {
	g, e := newTestGroup()
	s := stored{}
	s.append(join(t, g, e, "a"))
	s.append(join(t, g, e, "b"))
	im, err := s.image()
	if err != nil || im.Empty() {
		t.Fatal(im, err)
	}
	s.append(g.Remove())
	if im, err = s.image(); err != nil || !im.Empty() {
		t.Errorf("%+v, %v", im, err)
	}
}

func TestRecordsOfLaterVersionsAreErrors(t *testing.T) {
	for _, r := range []Record{
		{groupKey("g"), []byte{0, 1, 0, 0, 0, 1, 0}},
		{groupKey("g"), []byte{255, 255}},
		{currentKey("g", "m"), []byte{0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 3, 1, 1, 0}},
		{memberKey("g", "m"), []byte{0, 0, 1}},
		{memberKey("g", "m")[:5], nil},
		{targetEpochKey("g"), []byte{}},
	} {
		if err := new(Image).Apply(r.Key, r.Value); err == nil {
			t.Errorf("key %x, value %x is read", r.Key, r.Value)
		}
	}
}

// FuzzImage: whatever the bytes, a record is read or refused, and what is read
// makes a group that takes a member and can be removed.
func FuzzImage(f *testing.F) {
	g, e := newTestGroup()
	m := &member{id: "m", classic: &Classic{time.Second, []Protocol{{"range", []byte("x")}}}, reads: &subscription{regex: "a+"}}
	m.assigned = held{Partition{Number: 1}: 3}
	m.target = []Partition{{Number: 1}}
	g.epoch, g.hash = 3, 5
	for _, r := range []Record{groupRecord(g), targetEpochRecord(g), memberRecord("g", m), targetRecord("g", m), currentRecord("g", m), regexRecord("g", "a+", &regex{topics: []string{"aa"}})} {
		f.Add(r.Key, r.Value)
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if len(key) < 2 || !IsKey(int16(key[0])<<8|int16(key[1])) {
			return
		}
		im := &Image{}
		for _, r := range []Record{{key, value}, memberRecord("g", m)} {
			if err := im.Apply(r.Key, r.Value); err != nil {
				return
			}
		}
		g := Restore(&Config{MaxSize: 10, ClassicMaxSize: 10}, "g", e, im)
		join(t, g, e, "another")
		g.Remove()
	})
}
