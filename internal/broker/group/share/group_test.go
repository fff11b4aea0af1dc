package share

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestMembersShareTopicsAndLearnOfChangesAtTheirHeartbeats(t *testing.T) {
	w := newWorld(t)
	w.topics.set("a", 2)
	e1 := w.join("m1", "a")
	e2 := w.join("m2", "a")
	if e2 <= e1 {
		t.Errorf("epochs are %d and %d", e1, e2)
	}
	resp := w.heartbeat("m1", e1)
	if resp.MemberEpoch != e2 || resp.Assignment == nil || len(resp.Assignment.TopicPartitions[0].Partitions) != 1 {
		t.Errorf("m1 learns of m2: %+v", resp)
	}
	if resp = w.heartbeat("m1", e2); resp.ErrorCode != 0 || resp.Assignment != nil {
		t.Errorf("nothing is new: %+v", resp)
	}
	w.topics.set("a", 3) // grown
	resp = w.heartbeat("m1", e2)
	if resp.Assignment == nil || len(resp.Assignment.TopicPartitions[0].Partitions) < 1 || resp.MemberEpoch <= e2 {
		t.Errorf("the topic has grown: %+v", resp)
	}
	if n := w.g.Has(w.topics.topics["a"].id); n != 3 {
		t.Errorf("the group has begun with %d partitions", n)
	}
}

func TestTheEpochBeforeTheLastIsAccepted(t *testing.T) {
	w := newWorld(t)
	w.topics.set("a", 1)
	e1 := w.join("m1", "a")
	w.join("m2", "a")
	e := w.heartbeat("m1", e1).MemberEpoch
	if resp := w.heartbeat("m1", e1); resp.ErrorCode != 0 || resp.MemberEpoch != e {
		t.Errorf("the answer was lost: %+v", resp)
	}
	wantCode(t, w.heartbeat("m1", e1-1+100), kerr.FencedMemberEpoch)
	wantCode(t, w.heartbeat("m3", 1), kerr.UnknownMemberID)
	wantCode(t, w.heartbeat("m3", -1), kerr.UnknownMemberID)
}

func TestSilentAndLeavingMembersAreGone(t *testing.T) {
	w := newWorld(t)
	w.topics.set("a", 1)
	w.join("m1", "a")
	w.now = w.now.Add(30 * time.Second)
	e := w.join("m2", "a")
	w.now = w.g.Wake()
	fx := w.g.Expire(w.env())
	w.write(fx)
	if !slices.Equal(fx.Gone, []Departure{{"m1", false}}) {
		t.Errorf("gone are %+v", fx.Gone)
	}
	if resp := w.heartbeat("m2", e); resp.Assignment == nil {
		t.Errorf("m2 does not learn of it: %+v", resp)
	}
	if resp := w.heartbeat("m2", -1); resp.ErrorCode != 0 || resp.MemberEpoch != -1 {
		t.Errorf("leave: %+v", resp)
	}
	if !w.g.Empty() || !w.g.Wake().IsZero() || w.g.State() != "Empty" {
		t.Errorf("not empty: %+v", w.g)
	}
}

func TestAFullGroupTakesNobody(t *testing.T) {
	w := newWorld(t)
	w.topics.set("a", 1)
	for _, m := range []string{"1", "2", "3", "4", "5"} {
		w.join(m, "a")
	}
	wantCode(t, w.heartbeat("6", 0, "a"), kerr.GroupMaxSizeReached)
}

func TestADeletedTopicIsForgotten(t *testing.T) {
	w := newWorld(t)
	w.topics.set("a", 1)
	w.topics.set("b", 1)
	e := w.join("m", "a", "b")
	delete(w.topics.topics, "a")
	w.topics.version++
	resp := w.heartbeat("m", e)
	if resp.Assignment == nil || len(resp.Assignment.TopicPartitions) != 1 || resp.Assignment.TopicPartitions[0].TopicID != w.topics.topics["b"].id {
		t.Errorf("got %+v", resp.Assignment)
	}
	if len(w.g.Topics()) != 1 || len(w.log.begun) != 1 {
		t.Errorf("topics are %v, in the log %v", w.g.Topics(), w.log.begun)
	}
}

func TestBadHeartbeatsAreRefused(t *testing.T) {
	good := func() *kmsg.ShareGroupHeartbeatRequest {
		req := kmsg.NewPtrShareGroupHeartbeatRequest()
		req.GroupID, req.MemberID, req.MemberEpoch, req.SubscribedTopicNames = "g", "m", 0, []string{"t"}
		return req
	}
	if err := CheckHeartbeat(good()); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*kmsg.ShareGroupHeartbeatRequest){
		"no member":      func(r *kmsg.ShareGroupHeartbeatRequest) { r.MemberID = " " },
		"long member":    func(r *kmsg.ShareGroupHeartbeatRequest) { r.MemberID = strings.Repeat("m", 37) },
		"no group":       func(r *kmsg.ShareGroupHeartbeatRequest) { r.GroupID = "" },
		"long group":     func(r *kmsg.ShareGroupHeartbeatRequest) { r.GroupID = strings.Repeat("g", 1<<15) },
		"empty rack":     func(r *kmsg.ShareGroupHeartbeatRequest) { r.RackID = kmsg.StringPtr("") },
		"epoch":          func(r *kmsg.ShareGroupHeartbeatRequest) { r.MemberEpoch = -2 },
		"no topics":      func(r *kmsg.ShareGroupHeartbeatRequest) { r.SubscribedTopicNames = []string{} },
		"unknown topics": func(r *kmsg.ShareGroupHeartbeatRequest) { r.SubscribedTopicNames = nil },
	} {
		req := good()
		spoil(req)
		if err := CheckHeartbeat(req); codeOf(err) != kerr.InvalidRequest.Code {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestDescriptionShowsMembersAndWhatTheyHave(t *testing.T) {
	w := newWorld(t)
	w.topics.set("a", 2)
	w.join("m", "a", "b")
	d := w.g.Describe(w.topics)
	if d.GroupID != "g" || d.GroupState != "Stable" || d.Assignor != "simple" || d.GroupEpoch != d.AssignmentEpoch || len(d.Members) != 1 {
		t.Fatalf("got %+v", d)
	}
	m := d.Members[0]
	if m.MemberID != "m" || m.ClientHost != "/h" || !slices.Equal(m.SubscribedTopicNames, []string{"a", "b"}) ||
		len(m.Assignment.TopicPartitions) != 1 || m.Assignment.TopicPartitions[0].Topic != "a" ||
		!slices.Equal(m.Assignment.TopicPartitions[0].Partitions, []int32{0, 1}) {
		t.Errorf("got %+v", m)
	}
}

func TestARemovedGroupLeavesNothing(t *testing.T) {
	w := newWorld(t)
	w.topics.set("a", 2)
	w.join("m", "a")
	w.heartbeat("m", -1)
	if w.g.Bare() {
		t.Error("the group has begun with a topic and is bare")
	}
	w.write(Effects{Records: w.g.Remove()})
	if !w.log.Empty() {
		t.Errorf("left are %+v", w.log)
	}
}

func TestFutureRecordsAreRefused(t *testing.T) {
	w := newWorld(t)
	w.topics.set("a", 2)
	w.join("m", "a")
	for kind, r := range map[int16]func() ([]byte, []byte){
		kindGroup:  func() ([]byte, []byte) { r := groupRecord(w.g); return r.Key, r.Value },
		kindMember: func() ([]byte, []byte) { r := memberRecord("g", w.g.members["m"]); return r.Key, r.Value },
	} {
		var im Image
		k, v := r()
		if err := im.Apply(k, append([]byte{0, 1}, v[2:]...)); err == nil || !strings.Contains(err.Error(), "unknown version 1") {
			t.Errorf("kind %d of version 1: %v", kind, err)
		}
		if err := im.Apply(k, v[:len(v)-1]); err == nil {
			t.Errorf("kind %d, cut short, was read", kind)
		}
		if err := im.Apply(k[:len(k)-1], v); err == nil {
			t.Errorf("kind %d, key cut short, was read", kind)
		}
	}
}
