package gap_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/internal/process/gap"
)

// partition has at offset 0 a record, at 1 its marker, 2 and 3 an aborted one and its marker,
// from 4 ten records, and at 14 and 15 an aborted one and its marker.
func partition(t *testing.T) gap.Partition {
	t.Helper()
	n := evidenttest.Start(t, evidenttest.WithoutLedger())
	if _, err := kadm.NewClient(n.Client()).CreateTopic(t.Context(), 1, 1, nil, "in"); err != nil {
		t.Fatal(err)
	}
	c := n.Client(kgo.TransactionalID("writer"))
	plain := n.Client()
	transaction := func(end kgo.TransactionEndTry) {
		if err := c.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: "in", Value: []byte("x")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := c.EndTransaction(t.Context(), end); err != nil {
			t.Fatal(err)
		}
	}
	transaction(kgo.TryCommit)
	transaction(kgo.TryAbort)
	for range 10 {
		if err := plain.ProduceSync(t.Context(), &kgo.Record{Topic: "in", Value: []byte("x")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	transaction(kgo.TryAbort)
	for { // a transaction's end is answered before its markers are written
		ends, err := kadm.NewClient(plain).ListCommittedOffsets(t.Context(), "in")
		if err != nil {
			t.Fatal(err)
		}
		if end, _ := ends.Lookup("in", 0); end.Offset == 16 {
			return gap.Partition{Client: plain, Topic: "in"}
		}
	}
}

func TestItIsKnownWhereTheLastRecordIsThatCanBeRead(t *testing.T) {
	p := partition(t)
	for _, c := range []struct{ from, to, want int64 }{
		{0, 1, 1}, {0, 2, 1}, {0, 4, 1}, {1, 4, 1}, {2, 4, 2}, {4, 4, 4}, {0, 5, 5}, {0, 14, 14}, {0, 16, 14}, {13, 16, 14}, {14, 16, 14}, {15, 16, 15},
	} {
		if got, err := p.End(t.Context(), c.from, c.to); got != c.want || err != nil {
			t.Errorf("between %d and %d: %d, %v, want %d", c.from, c.to, got, err, c.want)
		}
	}
}

func TestItIsKnownWhetherThereIsAnythingToRead(t *testing.T) {
	p := partition(t)
	for _, c := range []struct {
		from, to int64
		markers  bool
		want     bool
	}{
		{from: 0, to: 1, want: false}, {from: 1, to: 4, want: true}, {from: 1, to: 4, markers: true, want: false},
		{from: 13, to: 16, want: false}, {from: 14, to: 16, want: true}, {from: 5, to: 5, want: true},
	} {
		p.Markers = c.markers
		if got, err := p.Empty(t.Context(), c.from, c.to); got != c.want || err != nil {
			t.Errorf("between %d and %d it is empty: %t, %v; markers: %t", c.from, c.to, got, err, c.markers)
		}
	}
}
