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

// manyTopics is how many topics the benchmarks below make and delete.
const manyTopics = 10_000

// BenchmarkCreateTopics creates topics on the machine's disk. The aim is less than
// ten seconds for each way. A partition gets its folder with its first flush, so
// that nothing but the journal is written here.
func BenchmarkCreateTopics(b *testing.B) {
	inEachWay(b, func(b *testing.B, connections, each int) {
		for range b.N {
			b.StopTimer()
			s := startIn(b, vfs.OS(), b.TempDir())
			b.StartTimer()
			s.spread(connections, each, createNamed)
			b.StopTimer()
			s.stop()
		}
	})
}

// BenchmarkDeleteTopics deletes topics with a record each, so that there are folders
// to remove. What surrounds it can take far longer than what is measured: the disk
// makes ten thousand folders with their files, and removes them.
func BenchmarkDeleteTopics(b *testing.B) {
	inEachWay(b, func(b *testing.B, connections, each int) {
		for range b.N {
			b.StopTimer()
			dir := b.TempDir()
			s := startIn(b, vfs.OS(), dir)
			s.spread(1, manyTopics, createNamed)
			s.fillTopics()
			s.stop()
			s = startIn(b, vfs.OS(), dir)
			b.StartTimer()
			s.spread(connections, each, deleteNamed)
			b.StopTimer()
			s.stop()
		}
	})
}

// inEachWay runs f for one request that names all topics, and for a request each on
// one and on some connections.
func inEachWay(b *testing.B, f func(b *testing.B, connections, each int)) {
	for _, way := range []struct {
		name              string
		connections, each int
	}{
		{"one-request", 1, manyTopics}, {"requests", 1, 1}, {"requests-connections", 8, 1},
	} {
		b.Run(way.name, func(b *testing.B) { f(b, way.connections, way.each) })
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
