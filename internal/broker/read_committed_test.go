package broker

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/log/batch"
)

// writer writes transactions to partition 0 without a coordinator.
type writer struct {
	s     *server
	topic *metadata.Topic
	batch.Producer
}

func (x *writer) append(values ...string) {
	x.s.t.Helper()
	at := x.Producer
	x.Sequence += int32(len(values))
	x.s.appendRaw(x.topic, 0, records(x.s.t, batch.Head{Producer: &at, Transactional: true}, values...))
}

func (x *writer) end(commit bool) {
	x.s.t.Helper()
	done := make(chan error, 1)
	m := log.Marker{ProducerID: x.ID, ProducerEpoch: x.Epoch, Commit: commit}
	if err := x.topic.Partition(0).AppendMarker(m, func(err error) { done <- err }); err != nil {
		x.s.t.Fatal(err)
	}
	if err := <-done; err != nil {
		x.s.t.Fatal(err)
	}
}

// TestCommittedRecordsReachClients: franz-go's consumer gets the records of
// committed transactions, those of aborted ones never, and waits for those that
// are open.
func TestCommittedRecordsReachClients(t *testing.T) {
	s := start(t)
	topic := s.topic("t", 1)
	a, b := &writer{s, topic, batch.Producer{ID: 1}}, &writer{s, topic, batch.Producer{ID: 2}}
	s.append(topic, 0, "0")
	a.append("a1")
	b.append("b1")
	s.append(topic, 0, "1")
	all := s.client(kgo.ConsumeTopics("t"))
	committed := s.client(kgo.ConsumeTopics("t"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	want := func(c *kgo.Client, values ...string) {
		t.Helper()
		if got := consume(t, c, len(values)); !slices.Equal(got, values) {
			t.Errorf("got %v, want %v", got, values)
		}
	}
	want(all, "0", "a1", "b1", "1")
	want(committed, "0")
	b.end(false)
	b.append("b2")
	a.append("a2")
	a.end(true)
	want(committed, "a1", "1")
	s.append(topic, 0, "2")
	b.end(true)
	want(committed, "b2", "a2", "2")
	want(all, "b2", "a2", "2")
}

// TestALongPollEndsWithTheTransaction, with and without a session.
func TestALongPollEndsWithTheTransaction(t *testing.T) {
	for _, version := range []int16{4, 6, 11, 12, 13, 18} {
		s := start(t)
		topic := s.topic("t", 1)
		a := &writer{s, topic, batch.Producer{ID: 1}}
		a.append("a")
		c := s.dial()
		req := fetchMany(version, topic, want{0, 0})
		if version >= fetchSession {
			req = inSession(req, 0, 0)
		}
		req.IsolationLevel = readCommitted
		resp := ask[*kmsg.FetchResponse](c, req)
		expect(t, resp, "0-")
		if version >= fetchSession {
			req = inSession(fetchMany(version, topic), resp.SessionID, 1)
			req.IsolationLevel = readCommitted
		}
		req.MaxWaitMillis = 20_000
		c.send(req)
		s.append(topic, 0, "b") // is not to be seen
		began := time.Now()
		a.end(true)
		resp = receive[*kmsg.FetchResponse](c, req, c.correlation)
		expect(t, resp, "0:0")
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("version %d: answered after %v", version, took)
		}
		s.stop()
	}
}

// TestFetchTellsOfTransactions: the last stable offset at every isolation level,
// and the aborted transactions of what is read.
func TestFetchTellsOfTransactions(t *testing.T) {
	s := start(t)
	topic := s.topic("t", 1)
	a, b := &writer{s, topic, batch.Producer{ID: 1}}, &writer{s, topic, batch.Producer{ID: 2}}
	a.append("a1") // 0
	a.end(false)
	b.append("b1") // 2
	a.append("a2")
	a.end(false)   // 4
	a.append("a3") // 5
	b.end(true)    // 6
	for _, version := range []int16{4, 5, 7, 11, 12, 13, 18} {
		for _, c := range []struct {
			isolation int8
			offset    int64
			want      string
		}{
			{0, 0, "error 0, high watermark 7, stable 5, 7 offsets, aborted []"},
			{1, 0, "error 0, high watermark 7, stable 5, 5 offsets, aborted [{1 0} {1 3}]"},
			{1, 2, "error 0, high watermark 7, stable 5, 3 offsets, aborted [{1 3}]"},
			{1, 5, "error 0, high watermark 7, stable 5, 0 offsets, aborted []"},
			{1, 7, "error 0, high watermark 7, stable 5, 0 offsets, aborted []"},
			{1, 8, "error 1, high watermark -1, stable -1, 0 offsets, aborted []"},
			{0, 8, "error 1, high watermark -1, stable -1, 0 offsets, aborted []"},
		} {
			req := fetchMany(version, topic, want{0, c.offset})
			req.IsolationLevel = c.isolation
			resp := ask[*kmsg.FetchResponse](s.dial(), req)
			if got := told(t, &resp.Topics[0].Partitions[0]); got != c.want {
				t.Errorf("version %d, level %d, offset %d: %s\nwant %s", version, c.isolation, c.offset, got, c.want)
			}
		}
	}
}

// told is what a partition's answer says.
func told(t *testing.T, rp *kmsg.FetchResponseTopicPartition) string {
	t.Helper()
	n := int64(0)
	for rest := rp.RecordBatches; len(rest) > 0; {
		b, more, err := batch.Next(rest)
		if err != nil {
			t.Fatal(err)
		}
		n, rest = n+int64(b.LastOffsetDelta())+1, more
	}
	aborted := []log.AbortedTxn{}
	for _, x := range rp.AbortedTransactions {
		aborted = append(aborted, log.AbortedTxn{ProducerID: x.ProducerID, FirstOffset: x.FirstOffset})
	}
	return fmt.Sprintf("error %d, high watermark %d, stable %d, %d offsets, aborted %v", rp.ErrorCode, rp.HighWatermark, rp.LastStableOffset, n, aborted)
}

// TestASessionsIsolationLevelMayChange: what was not to be seen is seen then.
func TestASessionsIsolationLevelMayChange(t *testing.T) {
	s := start(t)
	topic := s.topic("t", 1)
	(&writer{s, topic, batch.Producer{ID: 1}}).append("a")
	c := s.dial()
	req := inSession(fetchMany(18, topic, want{0, 0}), 0, 0)
	req.IsolationLevel = readCommitted
	resp := ask[*kmsg.FetchResponse](c, req)
	expect(t, resp, "0-")
	req = inSession(fetchMany(18, topic), resp.SessionID, 1)
	req.IsolationLevel = readCommitted
	expect(t, ask[*kmsg.FetchResponse](c, req))
	expect(t, ask[*kmsg.FetchResponse](c, inSession(fetchMany(18, topic), resp.SessionID, 2)), "0:0")
}

// TestOffsetsEndAtTheLastStableOneForCommittedReaders.
func TestOffsetsEndAtTheLastStableOneForCommittedReaders(t *testing.T) {
	s := start(t)
	topic := s.topic("t", 1)
	at := time.UnixMilli(1_000_000)
	s.appendAt(topic, at, "0")
	x := &writer{s, topic, batch.Producer{ID: 1}}
	x.append("a") // now
	ask := func(timestamp int64, isolation int8) int64 {
		req := kmsg.NewPtrListOffsetsRequest()
		req.Version, req.IsolationLevel = 10, isolation
		req.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: "t", Partitions: []kmsg.ListOffsetsRequestTopicPartition{{Timestamp: timestamp, CurrentLeaderEpoch: -1}}}}
		return ask[*kmsg.ListOffsetsResponse](s.dial(), req).Topics[0].Partitions[0].Offset
	}
	for _, c := range []struct{ at, all, committed int64 }{
		{latestOffset, 2, 1}, {earliestOffset, 0, 0}, {maxTimestamp, 1, -1}, {at.UnixMilli(), 0, 0}, {at.UnixMilli() + 1, 1, -1},
	} {
		if all, committed := ask(c.at, 0), ask(c.at, 1); all != c.all || committed != c.committed {
			t.Errorf("time %d: got %d and %d, want %+v", c.at, all, committed, c)
		}
	}
	x.end(true)
	if got := ask(latestOffset, 1); got != 3 {
		t.Errorf("got %d after the end, want 3", got)
	}
}

// TestALaggingReaderOfCommittedRecordsGetsThemAll, in small pieces, from a
// partition of many segments and transactions.
func TestALaggingReaderOfCommittedRecordsGetsThemAll(t *testing.T) {
	s := start(t)
	size := "2000"
	s.create(1, map[string]*string{"segment.bytes": &size}, "t")
	topic := s.store.Snapshot().Topic("t")
	var want []string
	for i := range 200 {
		x := &writer{s, topic, batch.Producer{ID: int64(i % 7), Epoch: int16(i)}}
		values := []string{fmt.Sprint(i, "a"), fmt.Sprint(i, "b")}
		x.append(values...)
		x.end(i%3 > 0)
		if i%3 > 0 {
			want = append(want, values...)
		}
	}
	c := s.client(kgo.ConsumeTopics("t"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxPartitionBytes(700))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var got []string
	for len(got) < len(want) && ctx.Err() == nil {
		c.PollFetches(ctx).EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}
