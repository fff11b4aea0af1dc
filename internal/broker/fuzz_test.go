package broker

import (
	"context"
	"io"
	"net"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
)

// Invariants: whatever bytes a connection brings, the broker does not panic
// (a recovered panic counts), ends the connection once the bytes have ended, and
// gives back all memory that it charged.
func FuzzRequest(f *testing.F) {
	s := start(f, func(c *Config) { c.AutoCreateTopics = false })
	s.Create(f, "t")
	topic := s.store.Snapshot().Topic("t")
	for _, a := range s.table {
		if a != nil {
			for _, v := range []int16{a.min, a.max} {
				req := kmsg.RequestForKey(a.key)
				req.SetVersion(v)
				f.Add(bytesOf(req))
			}
		}
	}
	f.Add(bytesOf(fetchRequest(12, topic, 0)))
	f.Add(bytesOf(inSession(fetchMany(13, topic, want{0, 0}), 0, 0)))
	f.Add(append(bytesOf(fetchMany(12, topic, want{0, 0})), bytesOf(produceRequest(9, 1, &metadata.Topic{Name: "x"}, nil))...))
	f.Fuzz(func(t *testing.T, b []byte) {
		client, server := net.Pipe()
		done := make(chan struct{})
		go func() {
			s.ServeConn(context.Background(), server, s.info)
			close(done)
		}()
		go io.Copy(io.Discard, client)
		client.Write(b)
		client.Close()
		<-done
		if n := testutil.ToFloat64(s.metrics.connectionErrors.WithLabelValues("internal")); n != 0 {
			t.Fatal("a request made the broker panic")
		}
		waitFor(t, func() bool {
			s.budget.mu.Lock()
			defer s.budget.mu.Unlock()
			return s.budget.mu.free == s.cfg.QueuedRequestBytes
		}, "%d bytes are still charged", s.cfg.QueuedRequestBytes-s.budget.mu.free)
	})
}
