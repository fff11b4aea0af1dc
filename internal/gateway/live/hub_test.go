package live_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/internal/gateway/live"
)

// open makes a hub of a node with a topic orders of two partitions.
func open(t *testing.T) (*live.Hub, *evidenttest.Node) {
	t.Helper()
	n := evidenttest.Start(t, evidenttest.WithoutLedger())
	if _, err := kadm.NewClient(n.Client()).CreateTopic(t.Context(), 2, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	process := n.Process("readers")
	h, err := live.New(live.Config{Client: func(opts ...kgo.Opt) (*kgo.Client, error) {
		return kgo.NewClient(append(process.Options(), opts...)...)
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h, n
}

// write writes records into partition 0, and an aborted one behind them.
func write(t *testing.T, n *evidenttest.Node, count int) {
	t.Helper()
	c := n.Client(kgo.TransactionalID("writer"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for i := range 2 {
		if err := c.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for range max(1, count*(1-i)) {
			if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("x")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.EndTransaction(t.Context(), i == 0); err != nil {
			t.Fatal(err)
		}
	}
}

// read reads until the end, or until there are as many.
func read(t *testing.T, s *live.Subscription, count int) {
	t.Helper()
	for got := 0; got < count || count == 0 && !s.AtEnd(); {
		frames, err := s.Next(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		got += len(frames)
		if count == 0 && got > 0 {
			t.Fatalf("%d events where there are none", got)
		}
	}
}

func TestTheEndIsReachedThoughNothingIsThere(t *testing.T) {
	h, n := open(t)
	write(t, n, 3)
	s, err := h.Subscribe(t.Context(), "orders", live.From{Start: true, UntilEnd: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	read(t, s, 3)
	read(t, s, 0) // a marker, and an aborted transaction
}

func TestWhoWasBeforeWhatIsDeletedGoesOnBehindIt(t *testing.T) {
	h, n := open(t)
	write(t, n, 3)
	adm := kadm.NewClient(n.Client())
	ends, err := adm.ListEndOffsets(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := adm.DeleteRecords(t.Context(), ends.Offsets()); err != nil {
		t.Fatal(err)
	}
	until, err := h.Subscribe(t.Context(), "orders", live.From{Position: live.Position{1, 0}, UntilEnd: true})
	if err != nil {
		t.Fatal(err)
	}
	defer until.Close()
	read(t, until, 0)
	on, err := h.Subscribe(t.Context(), "orders", live.From{Position: live.Position{1, 0}})
	if err != nil {
		t.Fatal(err)
	}
	defer on.Close()
	write(t, n, 2)
	read(t, on, 2)
}
