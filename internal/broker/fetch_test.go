package broker

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/log/batch"
)

// topic creates a topic and returns it.
func (s *server) topic(name string, partitions int) *metadata.Topic {
	s.t.Helper()
	c := s.store.Create([]metadata.Spec{{Name: name, Partitions: partitions}}, false)[0]
	if c.Err != nil {
		s.t.Fatal(c.Err)
	}
	return c.Topic
}

// append appends a batch of the values durably.
func (s *server) append(topic *metadata.Topic, partition int32, values ...string) {
	s.t.Helper()
	s.appendRaw(topic, partition, records(s.t, batch.Head{}, values...))
}

// appendAt appends to partition 0 with the given timestamp.
func (s *server) appendAt(topic *metadata.Topic, at time.Time, values ...string) {
	s.t.Helper()
	s.appendRaw(topic, 0, recordsAt(s.t, at, batch.Head{}, values...))
}

func (s *server) appendRaw(topic *metadata.Topic, partition int32, raw []byte) {
	s.t.Helper()
	done := make(chan error, 1)
	if _, err := topic.Partition(partition).Append(raw, log.AckDurable, func(err error) { done <- err }); err != nil {
		s.t.Fatal(err)
	}
	if err := <-done; err != nil {
		s.t.Fatal(err)
	}
}

// want is a partition to be fetched.
type want struct {
	partition int32
	offset    int64
}

// fetchMany asks for partitions of one topic, at once if there is nothing.
func fetchMany(version int16, topic *metadata.Topic, wants ...want) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.Version, req.MinBytes, req.SessionEpoch = version, 1, -1
	if len(wants) == 0 {
		return req
	}
	rt := kmsg.NewFetchRequestTopic()
	rt.Topic, rt.TopicID = topic.Name, topic.ID
	for _, w := range wants {
		rp := kmsg.NewFetchRequestTopicPartition()
		rp.Partition, rp.FetchOffset, rp.PartitionMaxBytes = w.partition, w.offset, 1<<20
		rt.Partitions = append(rt.Partitions, rp)
	}
	req.Topics = append(req.Topics, rt)
	return req
}

// inSession makes the request one of a session.
func inSession(req *kmsg.FetchRequest, id, epoch int32) *kmsg.FetchRequest {
	req.SessionID, req.SessionEpoch = id, epoch
	return req
}

// partitions lists what a response tells: "partition:first offset" or
// "partition!error".
func partitions(resp *kmsg.FetchResponse) []string {
	got := []string{}
	for _, rt := range resp.Topics {
		for _, rp := range rt.Partitions {
			switch b, _, err := batch.Next(rp.RecordBatches); {
			case rp.ErrorCode != 0:
				got = append(got, fmt.Sprintf("%d!%s", rp.Partition, kerr.ErrorForCode(rp.ErrorCode).(*kerr.Error).Message))
			case err == nil:
				got = append(got, fmt.Sprintf("%d:%d", rp.Partition, b.BaseOffset()))
			default:
				got = append(got, fmt.Sprintf("%d-", rp.Partition))
			}
		}
	}
	return got
}

func expect(t *testing.T, resp *kmsg.FetchResponse, want ...string) {
	t.Helper()
	if got := partitions(resp); resp.ErrorCode != 0 || !slices.Equal(got, want) {
		t.Errorf("got %v, error %d; want %v", got, resp.ErrorCode, want)
	}
}

func TestFetchSessionTellsOnlyWhatChanged(t *testing.T) {
	for _, version := range []int16{7, 12, 13, 18} {
		s := start(t)
		topic := s.topic("t", 4)
		s.append(topic, 1, "a")
		c := s.dial()
		resp := ask[*kmsg.FetchResponse](c, inSession(fetchMany(version, topic, want{0, 0}, want{1, 0}, want{2, 0}), 0, 0))
		expect(t, resp, "0-", "1:0", "2-")
		id := resp.SessionID
		if id == 0 {
			t.Fatal("no session")
		}
		// Its offset was not moved, so the records are still wanted.
		expect(t, ask[*kmsg.FetchResponse](c, inSession(fetchMany(version, topic), id, 1)), "1:0")
		expect(t, ask[*kmsg.FetchResponse](c, inSession(fetchMany(version, topic, want{1, 1}), id, 2)))
		s.append(topic, 2, "b")
		expect(t, ask[*kmsg.FetchResponse](c, inSession(fetchMany(version, topic), id, 3)), "2:0")
		s.append(topic, 3, "c")
		expect(t, ask[*kmsg.FetchResponse](c, inSession(fetchMany(version, topic, want{2, 1}, want{3, 0}), id, 4)), "3:0")
		req := inSession(fetchMany(version, topic), id, 5)
		req.ForgottenTopics = []kmsg.FetchRequestForgottenTopic{{Topic: "t", TopicID: topic.ID, Partitions: []int32{3, 9}}}
		expect(t, ask[*kmsg.FetchResponse](c, req))
		s.append(topic, 3, "d")
		expect(t, ask[*kmsg.FetchResponse](c, inSession(fetchMany(version, topic), id, 6)))
		s.stop()
	}
}

func TestFetchSessionErrors(t *testing.T) {
	s := start(t)
	topic := s.topic("t", 1)
	c := s.dial()
	id := ask[*kmsg.FetchResponse](c, inSession(fetchMany(12, topic, want{0, 0}), 0, 0)).SessionID
	for name, c2 := range map[string]struct {
		req  *kmsg.FetchRequest
		want *kerr.Error
	}{
		"unknown id":   {inSession(fetchMany(12, topic), id+1, 1), kerr.FetchSessionIDNotFound},
		"wrong epoch":  {inSession(fetchMany(12, topic), id, 7), kerr.InvalidFetchSessionEpoch},
		"ids, not now": {inSession(fetchMany(13, topic), id, 1), kerr.FetchSessionTopicIDError},
	} {
		resp := ask[*kmsg.FetchResponse](c, c2.req)
		if got := kerr.ErrorForCode(resp.ErrorCode); got != c2.want || resp.SessionID != 0 || len(resp.Topics) != 0 {
			t.Errorf("%s: got %v, %+v", name, got, resp)
		}
	}
	expect(t, ask[*kmsg.FetchResponse](c, inSession(fetchMany(12, topic), id, 1))) // it still goes on
	// A full request closes the session that it names.
	ask[*kmsg.FetchResponse](c, inSession(fetchMany(12, topic, want{0, 0}), id, -1))
	resp := ask[*kmsg.FetchResponse](c, inSession(fetchMany(12, topic), id, 2))
	if kerr.ErrorForCode(resp.ErrorCode) != kerr.FetchSessionIDNotFound {
		t.Errorf("after closing: %+v", resp)
	}
}

func TestFetchSessionsEndWithTheirConnection(t *testing.T) {
	s := start(t)
	topic := s.topic("t", 1)
	c := s.dial()
	ask[*kmsg.FetchResponse](c, inSession(fetchMany(12, topic, want{0, 0}), 0, 0))
	if got := s.sessions.count(); got != 1 {
		t.Fatalf("%v sessions", got)
	}
	c.Close()
	for range 1000 {
		if s.sessions.count() == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Error("the session is still there")
}

func TestFetchSessionsAreEvictedOnlyWhenOld(t *testing.T) {
	now := time.Now()
	f := newFetchSessions(2, func() time.Time { return now })
	a, b := f.add(newFetchSet(false)), f.add(newFetchSet(false))
	a.release()
	if f.add(newFetchSet(false)) != nil {
		t.Error("a session in use, or used lately, made room")
	}
	now = now.Add(evictAfter)
	f.use(b.id)
	c := f.add(newFetchSet(false))
	if c == nil || f.use(a.id) != nil || f.use(b.id) == nil {
		t.Error("the oldest session did not make room")
	}
	if f.count() != 2 {
		t.Errorf("%v sessions", f.count())
	}
}

func TestFetchSessionWithoutRoomGoesOnWithout(t *testing.T) {
	s := start(t, func(c *Config) { c.FetchSessions = 1 })
	topic := s.topic("t", 1)
	s.append(topic, 0, "a")
	first := ask[*kmsg.FetchResponse](s.dial(), inSession(fetchMany(12, topic, want{0, 0}), 0, 0))
	second := ask[*kmsg.FetchResponse](s.dial(), inSession(fetchMany(12, topic, want{0, 0}), 0, 0))
	expect(t, second, "0:0")
	if first.SessionID == 0 || second.SessionID != 0 {
		t.Errorf("session ids are %d and %d", first.SessionID, second.SessionID)
	}
}

// Partitions that were served go behind those that wait.
func TestFetchSessionIsFair(t *testing.T) {
	s := start(t)
	topic := s.topic("t", 3)
	for p := range int32(3) {
		s.append(topic, p, strings.Repeat("x", 1000))
	}
	c := s.dial()
	req := inSession(fetchMany(12, topic, want{0, 0}, want{1, 0}, want{2, 0}), 0, 0)
	req.MaxBytes = 1
	resp := ask[*kmsg.FetchResponse](c, req)
	expect(t, resp, "0:0", "1-", "2-")
	for epoch, want := range []string{"1:0", "2:0", "0:0", "1:0"} {
		req := inSession(fetchMany(12, topic), resp.SessionID, int32(epoch)+1)
		req.MaxBytes = 1
		got := ask[*kmsg.FetchResponse](c, req)
		if got := slices.DeleteFunc(partitions(got), func(s string) bool { return !strings.Contains(s, ":") }); len(got) != 1 || got[0] != want {
			t.Fatalf("epoch %d: got %v, want %s", epoch+1, got, want)
		}
	}
}

func TestFetchLimits(t *testing.T) {
	s := start(t)
	topic := s.topic("t", 2)
	for range 3 {
		s.append(topic, 0, strings.Repeat("x", 1000))
		s.append(topic, 1, strings.Repeat("y", 1000))
	}
	one := len(records(t, batch.Head{}, strings.Repeat("x", 1000)))
	for _, c := range []struct {
		max, partitionMax int32
		first, second     int // whole batches
	}{
		{1 << 20, 1 << 20, 3, 3},
		{1 << 20, int32(2 * one), 2, 2},
		{1, 1, 1, 0},       // the first batch is always whole
		{1 << 20, 1, 1, 0}, // but only the first
		{int32(4 * one), 1 << 20, 3, 1},
	} {
		req := fetchMany(12, topic, want{0, 0}, want{1, 0})
		req.MaxBytes = c.max
		for i := range req.Topics[0].Partitions {
			req.Topics[0].Partitions[i].PartitionMaxBytes = c.partitionMax
		}
		resp := ask[*kmsg.FetchResponse](s.dial(), req)
		got := resp.Topics[0].Partitions
		if a, b := len(got[0].RecordBatches)/one, len(got[1].RecordBatches)/one; a != c.first || b != c.second {
			t.Errorf("%+v: got %d and %d batches", c, a, b)
		}
	}
}

func TestFetchErrors(t *testing.T) {
	s := start(t)
	topic := s.topic("t", 1)
	s.append(topic, 0, "a")
	nowhere := &metadata.Topic{Name: "nowhere", ID: metadata.ID{9}}
	epoch := func(e int32) *kmsg.FetchRequest {
		req := fetchMany(12, topic, want{0, 0})
		req.Topics[0].Partitions[0].CurrentLeaderEpoch = e
		return req
	}
	for name, c := range map[string]struct {
		req  *kmsg.FetchRequest
		want string
	}{
		"beyond the end":     {fetchMany(12, topic, want{0, 2}), "0!OFFSET_OUT_OF_RANGE"},
		"before the start":   {fetchMany(12, topic, want{0, -1}), "0!OFFSET_OUT_OF_RANGE"},
		"unknown topic":      {fetchMany(12, nowhere, want{0, 0}), "0!UNKNOWN_TOPIC_OR_PARTITION"},
		"unknown topic id":   {fetchMany(13, nowhere, want{0, 0}), "0!UNKNOWN_TOPIC_ID"},
		"unknown partition":  {fetchMany(13, topic, want{5, 0}), "5!UNKNOWN_TOPIC_OR_PARTITION"},
		"leader epoch ahead": {epoch(3), "0!UNKNOWN_LEADER_EPOCH"},
	} {
		c.req.MaxWaitMillis = 60_000 // an error is answered at once
		expect(t, ask[*kmsg.FetchResponse](s.dial(), c.req), c.want)
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

// A session follows its topic through deletion and a new topic of the name.
func TestFetchSessionOfADeletedTopic(t *testing.T) {
	for version, want1 := range map[int16][2]string{
		12: {"0!UNKNOWN_TOPIC_OR_PARTITION", "0:0"},
		13: {"0!UNKNOWN_TOPIC_OR_PARTITION", "0!INCONSISTENT_TOPIC_ID"},
	} {
		s := start(t)
		topic := s.topic("t", 1)
		c := s.dial()
		id := ask[*kmsg.FetchResponse](c, inSession(fetchMany(version, topic, want{0, 0}), 0, 0)).SessionID
		wait := inSession(fetchMany(version, topic), id, 1)
		wait.MaxWaitMillis = 60_000
		c.send(wait)
		if err := s.store.Delete([]*metadata.Topic{topic})[0]; err != nil { // wakes the fetch that waits
			t.Fatal(err)
		}
		expect(t, receive[*kmsg.FetchResponse](c, wait, c.correlation), want1[0])
		again := s.topic("t", 1)
		s.append(again, 0, "new")
		expect(t, ask[*kmsg.FetchResponse](c, inSession(fetchMany(version, topic), id, 2)), want1[1])
		s.stop()
	}
}

// A fetch waits until there are as many bytes as it wants.
func TestFetchWaitsForMinBytes(t *testing.T) {
	s := start(t)
	topic := s.topic("t", 2)
	for _, version := range []int16{4, 12} {
		c := s.dial()
		start := topic.Partition(0).HighWatermark()
		req := fetchMany(version, topic, want{0, start}, want{1, start})
		req.MinBytes, req.MaxWaitMillis = 1000, 60_000
		c.send(req)
		for range 5 {
			s.append(topic, 0, strings.Repeat("x", 100))
			s.append(topic, 1, strings.Repeat("x", 100))
		}
		resp := receive[*kmsg.FetchResponse](c, req, c.correlation)
		got := 0
		for _, rp := range resp.Topics[0].Partitions {
			got += len(rp.RecordBatches)
		}
		if got < 1000 {
			t.Errorf("version %d: got %d bytes", version, got)
		}
	}
}

func TestFetchWaitsNoLongerThanAsked(t *testing.T) {
	s := start(t)
	topic := s.topic("t", 1)
	req := fetchMany(12, topic, want{0, 0})
	req.MaxWaitMillis = 50
	began := time.Now()
	expect(t, ask[*kmsg.FetchResponse](s.dial(), req), "0-")
	if took := time.Since(began); took < 50*time.Millisecond {
		t.Errorf("took %v", took)
	}
}

// A fetch that waits goes with its connection, and leaves no watch behind.
func TestFetchOfAClosedConnectionEnds(t *testing.T) {
	s := start(t)
	topic := s.topic("t", 1)
	c := s.dial()
	req := fetchMany(12, topic, want{0, 0})
	req.MaxWaitMillis = 600_000
	c.send(req)
	c.Close()
	s.stop() // waits for the connection's goroutines
}

// A partition that is idle must not be looked at: the session is told where
// something happens.
func TestIdlePartitionsAreNotLookedAt(t *testing.T) {
	s := start(t)
	topic := s.topic("t", 100)
	c := s.dial()
	var all []want
	for p := range int32(100) {
		all = append(all, want{p, 0})
	}
	id := ask[*kmsg.FetchResponse](c, inSession(fetchMany(12, topic, all...), 0, 0)).SessionID
	ask[*kmsg.FetchResponse](c, inSession(fetchMany(12, topic), id, 1))
	session := s.sessions.use(id)
	if n := len(session.set.work); n != 0 {
		t.Errorf("%d partitions are looked at by each fetch", n)
	}
	s.append(topic, 42, "a")
	expect(t, ask[*kmsg.FetchResponse](c, inSession(fetchMany(12, topic), id, 2)), "42:0")
	if n := len(session.set.work); n != 1 {
		t.Errorf("%d partitions are looked at by each fetch, want 1", n)
	}
}
