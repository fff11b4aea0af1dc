package broker

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// manyTopics is how many topics the benchmarks below make. The aim is less than
// ten seconds for either way.
const manyTopics = 10_000

// BenchmarkManyTopics creates and deletes topics on the machine's disk, all with
// one request, or with a request each on some connections. Each has a record when
// it is deleted, so that there are folders to remove.
func BenchmarkManyTopics(b *testing.B) {
	for _, c := range []struct {
		name              string
		connections, each int
	}{
		{"one-request", 1, manyTopics}, {"requests", 1, 1}, {"requests-connections", 8, 1},
	} {
		b.Run(c.name, func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				dir := b.TempDir()
				s := startIn(b, vfs.OS(), dir)
				b.StartTimer()
				began := time.Now()
				s.spread(c.connections, c.each, func(r *raw, names []string) { createNamed(r, names) })
				creating := time.Since(began)
				b.StopTimer()
				s.fillTopics()
				s.stop()
				s = startIn(b, vfs.OS(), dir)
				b.StartTimer()
				filled := time.Now()
				s.spread(c.connections, c.each, func(r *raw, names []string) { deleteNamed(r, names) })
				b.ReportMetric(creating.Seconds(), "s-to-create")
				b.ReportMetric(time.Since(filled).Seconds(), "s-to-delete")
				b.StopTimer()
				s.stop()
				b.StartTimer()
			}
		})
	}
}

// fillTopics puts a record into each topic. It comes to its folder when the log is
// closed.
func (s *server) fillTopics() {
	raw := records(s.t, batch.Head{}, "record")
	done := make(chan error, manyTopics)
	n := 0
	for t := range s.store.Snapshot().All() {
		if _, err := t.Partition(0).Append(bytes.Clone(raw), log.AckDurable, func(err error) { done <- err }); err != nil {
			s.t.Fatal(err)
		}
		n++
	}
	if n != manyTopics {
		s.t.Fatalf("%d topics", n)
	}
	for range n {
		if err := <-done; err != nil {
			s.t.Fatal(err)
		}
	}
}

// spread calls f with the names of all topics, so many each time, on so many
// connections at once.
func (s *server) spread(connections, each int, f func(*raw, []string)) {
	done := make(chan struct{})
	for c := range connections {
		r := s.dial()
		r.SetDeadline(time.Now().Add(10 * time.Minute))
		go func() {
			defer func() { done <- struct{}{} }()
			for first := c * each; first < manyTopics; first += connections * each {
				var names []string
				for n := first; n < min(first+each, manyTopics); n++ {
					names = append(names, fmt.Sprintf("topic-%05d", n))
				}
				f(r, names)
			}
		}()
	}
	for range connections {
		<-done
	}
}

func createNamed(r *raw, names []string) {
	req := createRequest()
	for _, name := range names {
		req.Topics = append(req.Topics, newTopic(name, 1, 1))
	}
	for _, rt := range ask[*kmsg.CreateTopicsResponse](r, req).Topics {
		if err := kerr.ErrorForCode(rt.ErrorCode); err != nil {
			r.t.Errorf("create %s: %v", rt.Topic, err)
		}
	}
}

func deleteNamed(r *raw, names []string) {
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.Version, req.TopicNames = 5, names
	for _, rt := range ask[*kmsg.DeleteTopicsResponse](r, req).Topics {
		if err := kerr.ErrorForCode(rt.ErrorCode); err != nil {
			r.t.Errorf("delete %s: %v", *rt.Topic, err)
		}
	}
}
