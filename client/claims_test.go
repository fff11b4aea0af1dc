package client_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evidentlog/evident/client"
	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/node"
)

// keepsClaims connects to a node that keeps large data for who has its token.
func keepsClaims(t *testing.T, over int) (f *fixture, store client.HTTPClaims) {
	t.Helper()
	n, err := node.Start(t.Context(), node.Config{
		FS: vfs.NewMem(), Data: "data", Kafka: []node.Listener{}, HTTP: []node.Listener{{Name: "http", Address: "127.0.0.1:0"}},
		GroupInitialRebalanceDelay: -1, OffsetsPartitions: 1, TransactionsPartitions: 1, ShareStatePartitions: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	store = client.HTTPClaims{URL: "http://" + n.Addresses().HTTP["http"], Token: n.HTTPToken()}
	return connect(t, n.ClientOptions(), client.WithClaims(store, over)), store
}

func TestLargeDataTravelsAsAClaim(t *testing.T) {
	f, _ := keepsClaims(t, 0)
	f.topic("orders", 1)
	f.topic("invoices", 1)
	large := bytes.Repeat([]byte("large "), 1<<20) // six times what a topic takes
	e := &event.Event{ID: "1", Type: "t", Data: large}
	if _, err := f.c.Producer().Produce(f.ctx, "orders", e); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(e.Data, large) {
		t.Error("the caller's event has lost its data")
	}
	logged := eventOf(t, f.read("orders", 1)[0])
	if c, ok, err := logged.Claim(); err != nil || !ok || logged.Data != nil || c.Size != int64(len(large)) {
		t.Errorf("in the log there is %+v, %v", c, err)
	}
	var seen atomic.Int32
	stop := f.run(f.consumer("g", "orders", func(_ context.Context, m *client.Message) error {
		if !bytes.Equal(m.Data, large) {
			t.Errorf("the handler is given %d bytes", len(m.Data))
		}
		if _, ok := m.Extension(event.DataRef); ok {
			t.Error("the handler sees the claim")
		}
		seen.Add(1)
		return m.Emit("invoices", &event.Event{Type: "u", Data: m.Data})
	}))
	f.await("the event is handled", func() bool { return seen.Load() == 1 })
	emitted := eventOf(t, f.read("invoices", 1)[0])
	if _, ok, err := emitted.Claim(); err != nil || !ok {
		t.Errorf("what is emitted is no claim: %v", err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestDataThatCannotBeKeptIsNotProducedWithout(t *testing.T) {
	f, store := keepsClaims(t, 10)
	f.topic("orders", 1)
	store.Token = "another"
	other := connect(t, f.c.Kafka().Opts(), client.WithClaims(store, 10))
	_, err := other.c.Producer().Produce(f.ctx, "orders", &event.Event{ID: "1", Type: "t", Data: []byte("eleven bytes")})
	if err == nil || !strings.Contains(err.Error(), "its 12 bytes of data cannot be kept") || !strings.Contains(err.Error(), "401") {
		t.Errorf("%v", err)
	}
	f.produce("orders", 1, "2")
	if records := f.read("orders", 1); eventOf(t, records[0]).ID != "2" {
		t.Error("an event without its data is in the log")
	}
}

// forgetful is a store that gives out other data, and then none.
type forgetful struct {
	client.HTTPClaims
	calls atomic.Int32
}

func (s *forgetful) Fetch(ctx context.Context, c event.Claim) ([]byte, error) {
	switch s.calls.Add(1) {
	case 1:
		return bytes.Repeat([]byte("x"), int(c.Size)), nil
	case 2:
		return nil, errors.New("out of reach")
	}
	return s.HTTPClaims.Fetch(ctx, c)
}

func TestAHandlerWaitsForTheRightData(t *testing.T) {
	f, store := keepsClaims(t, 10)
	f.topic("orders", 1)
	data := []byte("eleven bytes")
	if _, err := f.c.Producer().Produce(f.ctx, "orders", &event.Event{ID: "1", Type: "t", Data: data}); err != nil {
		t.Fatal(err)
	}
	bad := &forgetful{HTTPClaims: store}
	reader := connect(t, f.c.Kafka().Opts(), client.WithClaims(bad, 10))
	handled := make(chan []byte, 1)
	stop := reader.run(reader.consumer("g", "orders", func(_ context.Context, m *client.Message) error {
		handled <- bytes.Clone(m.Data)
		return nil
	}))
	select {
	case got := <-handled:
		if !bytes.Equal(got, data) || bad.calls.Load() != 3 {
			t.Errorf("%q after %d calls", got, bad.calls.Load())
		}
	case <-f.ctx.Done():
		t.Fatal("the event is not handled")
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// A node that hangs holds nobody up for ever: the handler is tried again, or the producer
// is told.
func TestAStoreThatDoesNotAnswerIsGivenUp(t *testing.T) {
	gone := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Length", "5")
			_, _ = w.Write([]byte("data")) // and then no more
			_ = http.NewResponseController(w).Flush()
		}
		select {
		case <-r.Context().Done():
		case <-gone:
		}
	}))
	defer s.Close()
	defer close(gone)
	store := client.HTTPClaims{URL: s.URL, Timeout: time.Millisecond}
	data := []byte("data.")
	for name, ask := range map[string]func() error{
		"keep": func() error { _, err := store.Keep(t.Context(), event.DigestOf(data), data); return err },
		"fetch": func() error {
			_, err := store.Fetch(t.Context(), event.Claim{Digest: event.DigestOf(data), Size: 5})
			return err
		},
	} {
		if err := ask(); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), s.URL+" has not answered after 1ms") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
