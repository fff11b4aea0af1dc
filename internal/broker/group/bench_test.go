package group

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/statetopic/statetopictest"
)

// running returns a coordinator that runs until the benchmark ends.
func running(b *testing.B, store *statetopictest.Store) *harness {
	topics := &fakeTopics{topics: map[string]fakeTopic{}}
	topics.add("orders", 1, 100)
	h := &harness{t: b, store: store, topics: topics, cfg: Config{Store: store, Topics: topics}}
	h.start()
	b.Cleanup(func() { h.stop() })
	return h
}

// loaded waits until everything has been read.
func (h *harness) loaded() {
	for h.topic.CheckAll() != nil {
		runtime.Gosched()
	}
}

func BenchmarkOffsetCommit(b *testing.B) {
	h := running(b, statetopictest.New(50))
	h.loaded()
	req := commitRequest("g", "orders", 0, 1)
	b.ReportAllocs()
	for b.Loop() {
		if code := commitCode(call(h.OffsetCommit, req)); code != 0 {
			b.Fatal(code)
		}
		h.store.Clear()
	}
}

func BenchmarkHeartbeat(b *testing.B) {
	h := running(b, statetopictest.New(50))
	h.loaded()
	member, generation := h.stable("g", "orders")
	b.ReportAllocs()
	for b.Loop() {
		if code := h.heartbeat("g", member, generation); code != 0 {
			b.Fatal(code)
		}
	}
}

func BenchmarkConsumerHeartbeat(b *testing.B) {
	h := running(b, statetopictest.New(50))
	h.loaded()
	epoch := h.beat(hello("g", "m", "orders"))
	req := again("g", "m", epoch)
	b.ReportAllocs()
	for b.Loop() {
		if code := call(h.ConsumerGroupHeartbeat, req).ErrorCode; code != 0 {
			b.Fatal(code)
		}
	}
}

// BenchmarkLoad reads 10,000 groups with a member and ten offsets each.
func BenchmarkLoad(b *testing.B) {
	const groups = 10_000
	store := statetopictest.New(50)
	h := running(b, store)
	h.loaded()
	for i := range groups {
		id := fmt.Sprint("group-", i)
		member, generation := h.stable(id, "orders")
		req := commitRequest(id, "orders", 0, 1)
		req.MemberID, req.Generation = member, generation
		for p := range int32(9) {
			rp := kmsg.NewOffsetCommitRequestTopicPartition()
			rp.Partition = p + 1
			req.Topics[0].Partitions = append(req.Topics[0].Partitions, rp)
		}
		call(h.OffsetCommit, req)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for b.Loop() {
		c := New(h.cfg)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- c.Run(ctx) }()
		loading := &harness{Coordinator: c}
		loading.loaded()
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/groups, "bytes/group")
		cancel()
		<-done
		b.StartTimer()
	}
}
