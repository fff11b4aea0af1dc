package txn_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/process/txn"
)

// old has a producer see a cluster with transactions of version 1, as Apache Kafka's are
// before 4.0.
func old() kgo.Opt {
	v := kversion.Stable()
	v.SetMaxKeyVersion(int16(kmsg.ApiVersions), 2) // tells of no features
	v.SetMaxKeyVersion(int16(kmsg.Produce), 11)
	v.SetMaxKeyVersion(int16(kmsg.TxnOffsetCommit), 4)
	v.SetMaxKeyVersion(int16(kmsg.EndTxn), 4)
	return kgo.MaxVersions(v)
}

// with makes a producer with options of its own.
func (d *desk) with(id string, more ...kgo.Opt) *txn.Producer {
	p := txn.New(txn.Config{
		Client: func(opts ...kgo.Opt) (*kgo.Client, error) { return d.node.Client(append(opts, more...)...), nil },
		ID:     id, Topics: d.topics,
	})
	d.Cleanup(p.Close)
	return p
}

// TestWhatIsInDoubtIsSettled has connections break before and after each request of
// transactions, for a producer that tries nothing again by itself: what Commit says is what
// happened.
func TestWhatIsInDoubtIsSettled(t *testing.T) {
	for _, first := range []bool{true, false} {
		keys := []kmsg.Key{kmsg.InitProducerID, kmsg.Produce, kmsg.TxnOffsetCommit, kmsg.EndTxn}
		if first {
			keys = append(keys, kmsg.AddPartitionsToTxn, kmsg.AddOffsetsToTxn)
		}
		for _, key := range keys {
			for _, do := range []evidenttest.Effect{evidenttest.LoseRequest, evidenttest.LoseAnswer} {
				t.Run(fmt.Sprintf("first=%t %s %v", first, key.Name(), do), func(t *testing.T) {
					t.Parallel()
					opts := []kgo.Opt{kgo.RequestRetries(0)}
					if first {
						opts = append(opts, old())
					}
					newDesk(t).settles(key, do, opts...)
				})
			}
		}
	}
}

func (d *desk) settles(key kmsg.Key, do evidenttest.Effect, opts ...kgo.Opt) {
	p := d.with("id", opts...)
	fault := d.node.Inject(evidenttest.RequestFault{Requests: []kmsg.Key{key}, Do: do, When: evidenttest.When{Skip: 1, Times: 2}})
	failures := 0
	for i := range 5 {
		if key == kmsg.InitProducerID {
			p = d.with("id", opts...)
		}
		b := d.buffer(fmt.Sprint("a", i), fmt.Sprint("b", i))
		for deadline := time.Now().Add(20 * time.Second); ; failures++ {
			err := p.Commit(d.Context(), b, at(int64(i+1)))
			if err == nil {
				break
			}
			if errors.Is(err, txn.ErrInDoubt) || time.Now().After(deadline) {
				d.Fatal(err)
			}
		}
	}
	if fault.Hits() != 2 {
		d.Errorf("%d requests were hit", fault.Hits())
	}
	got := d.committed(10)
	for i := range 5 {
		if got[fmt.Sprint("a", i)] != 1 || got[fmt.Sprint("b", i)] != 1 {
			d.Errorf("after %d failures: %v", failures, got)
		}
	}
	offsets, err := kadm.NewClient(d.client).FetchOffsets(kadm.RequireStable(d.Context()), "g")
	if o, _ := offsets.Lookup("in", 0); err != nil || o.At != 5 {
		d.Errorf("committed %+v, %v", o, err)
	}
}

func TestARecordThatIsTooLargeIsRefusedWhenItIsAppended(t *testing.T) {
	d := newDesk(t)
	b := d.buffer("a", "b")
	to, err := d.topics.Topic(t.Context(), "out")
	if err != nil {
		t.Fatal(err)
	}
	before := b.Size()
	if err := b.Append(to, 0, batch.Record{Value: make([]byte, to.MaxBytes)}); !errors.Is(err, txn.ErrTooLarge) {
		t.Fatalf("got %v", err)
	}
	if b.Size() != before {
		t.Errorf("the buffer has %d bytes, and had %d", b.Size(), before)
	}
	if _, err := d.topics.Topic(t.Context(), "nowhere"); !errors.Is(err, txn.ErrNoTopic) {
		t.Errorf("got %v", err)
	}
}

func TestMoreThanABatchIsWrittenInOrder(t *testing.T) {
	for _, first := range []bool{true, false} {
		d := newDesk(t)
		p := d.producer("id")
		if first {
			p = d.with("id", old())
		}
		to, err := d.topics.Topic(t.Context(), "out")
		if err != nil {
			t.Fatal(err)
		}
		const many = 40
		b := txn.NewBuffer(&d.codecs, batch.None)
		for range 3 { // sequences go on, or begin anew
			b.Clear()
			for i := range many {
				value := make([]byte, 100_000)
				copy(value, fmt.Sprint(i, " "))
				if err := b.Append(to, 0, batch.Record{Timestamp: 1, Value: value}); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.Commit(t.Context(), b, at(1)); err != nil {
				t.Fatal(err)
			}
		}
		if end := b.End("out", 0); end < 3*many {
			t.Errorf("the records end at %d", end)
		}
		if got := len(d.committed(3 * many)); got != many {
			t.Errorf("%d different values, want %d", got, many)
		}
	}
}

func TestAMemberOfAnotherGenerationCommitsNothing(t *testing.T) {
	d := newDesk(t)
	p := d.producer("id")
	o := at(1)
	o.Member, o.Generation = "somebody", 7
	if err := p.Commit(t.Context(), d.buffer("a"), o); !errors.Is(err, txn.ErrNotMember) {
		t.Fatalf("got %v", err)
	}
	if err := p.Commit(t.Context(), d.buffer("b"), at(1)); err != nil {
		t.Fatal(err)
	}
	if got := d.committed(1); got["b"] != 1 || got["a"] != 0 {
		t.Errorf("read %v", got)
	}
}

func TestWhatIsUndoneIsNotWritten(t *testing.T) {
	d := newDesk(t)
	to, err := d.topics.Topic(t.Context(), "out")
	if err != nil {
		t.Fatal(err)
	}
	b := txn.NewBuffer(&d.codecs, batch.Zstd)
	add := func(p int32, v string) {
		if err := b.Append(to, p, batch.Record{Timestamp: 1, Value: []byte(v)}); err != nil {
			t.Fatal(err)
		}
	}
	b.Save()
	add(0, "undone")
	b.Undo()
	if !b.Empty() || b.Size() != 0 {
		t.Errorf("the buffer has %d bytes after all was undone", b.Size())
	}
	for i := range 10 {
		b.Save()
		add(0, fmt.Sprint("kept", i))
		b.Save()
		add(int32(i%2), "undone")
		for range 15 {
			add(0, string(make([]byte, 100_000)))
		}
		b.Undo()
		b.Undo() // the savepoint stays
	}
	if err := d.producer("id").Commit(t.Context(), b, at(1)); err != nil {
		t.Fatal(err)
	}
	if got := d.committed(10); len(got) != 10 || got["undone"] != 0 {
		t.Errorf("read %v", got)
	}
}
