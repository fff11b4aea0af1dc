package txn_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/process/txn"
)

// desk is a node with a topic, and a producer.
type desk struct {
	*testing.T
	node   *evidenttest.Node
	client *kgo.Client
	topics *txn.Topics
	codecs batch.Codecs
}

func newDesk(t *testing.T) *desk {
	d := &desk{T: t, node: evidenttest.Start(t)}
	d.client = d.node.Client()
	if _, err := kadm.NewClient(d.client).CreateTopics(t.Context(), 2, 1, nil, "in", "out"); err != nil {
		t.Fatal(err)
	}
	d.topics = txn.NewTopics(d.client)
	return d
}

func (d *desk) producer(id string) *txn.Producer {
	p := txn.New(txn.Config{
		Client: func(opts ...kgo.Opt) (*kgo.Client, error) { return d.node.Client(opts...), nil },
		ID:     id, Topics: d.topics,
	})
	d.Cleanup(p.Close)
	return p
}

// buffer has values for partitions in turn.
func (d *desk) buffer(values ...string) *txn.Buffer {
	b := txn.NewBuffer(&d.codecs, batch.None)
	to, err := d.topics.Topic(d.Context(), "out")
	if err != nil {
		d.Fatal(err)
	}
	for i, v := range values {
		if err := b.Append(to, int32(i%2), batch.Record{Timestamp: 1, Value: []byte(v)}); err != nil {
			d.Fatal(err)
		}
	}
	return b
}

func at(n int64) txn.Offsets {
	return txn.Offsets{Group: "g", Generation: -1, Next: []txn.Offset{{Topic: "in", At: n, Note: "noted"}}}
}

// committed reads n records that were committed.
func (d *desk) committed(n int) map[string]int {
	ctx, cancel := context.WithTimeout(d.Context(), 20*time.Second)
	defer cancel()
	c := d.node.Client(kgo.ConsumeTopics("out"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	got := map[string]int{}
	for read := 0; read < n; {
		f := c.PollFetches(ctx)
		if err := f.Err(); err != nil {
			d.Fatalf("after %d records: %v", read, err)
		}
		f.EachRecord(func(r *kgo.Record) { got[string(r.Value)]++; read++ })
	}
	return got
}

func TestRecordsAndOffsetsAreCommittedTogether(t *testing.T) {
	d := newDesk(t)
	p := d.producer("id")
	for i := range 3 {
		b := d.buffer(fmt.Sprint("a", i), fmt.Sprint("b", i))
		if err := p.Commit(t.Context(), b, at(int64(i+1))); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.committed(6); len(got) != 6 {
		t.Errorf("read %v", got)
	}
	offsets, err := kadm.NewClient(d.client).FetchOffsets(kadm.RequireStable(t.Context()), "g")
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := offsets.Lookup("in", 0); !ok || o.At != 3 || txn.Note(o.Metadata) != "noted" {
		t.Errorf("committed %+v", o)
	}
}

func TestABufferThatWasNotCommittedCanBeCommittedAgain(t *testing.T) {
	d := newDesk(t)
	one, two := d.producer("id"), d.producer("id")
	if err := one.Commit(t.Context(), d.buffer("a"), at(1)); err != nil {
		t.Fatal(err)
	}
	if err := two.Commit(t.Context(), d.buffer("b"), at(2)); err != nil {
		t.Fatal(err)
	}
	b := d.buffer("c")
	if err := one.Commit(t.Context(), b, at(3)); err == nil {
		t.Fatal("a producer that was fenced committed")
	}
	if err := one.Commit(t.Context(), b, at(3)); err != nil {
		t.Fatal(err)
	}
	if got := d.committed(3); got["a"] != 1 || got["b"] != 1 || got["c"] != 1 {
		t.Errorf("read %v", got)
	}
}
