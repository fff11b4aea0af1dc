package node

import (
	"encoding/base64"
	"errors"
	"testing"

	"github.com/evidentlog/evident/internal/ledger/erasure"
	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// openLog opens a log with one partition.
func openLog(t *testing.T, disk vfs.FS, id log.ID) (*log.Log, *log.Partition) {
	t.Helper()
	l, err := log.Open(log.Config{FS: disk, Dir: "data"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := l.OpenPartition(id, log.DefaultSettings())
	if err == nil {
		err = l.Start(t.Context())
	}
	if err != nil {
		t.Fatal(errors.Join(err, l.Close()))
	}
	return l, p
}

// Records behind damage cannot be read, and are there: whoever restores the
// partition has them.
func TestWhatLiesBehindDamageIsNotTakenForDestroyed(t *testing.T) {
	disk, id := vfs.NewMem(), log.ID{Topic: "orders", TopicID: [16]byte{1}}
	l, p := openLog(t, disk, id)
	for range 3 {
		var codecs batch.Codecs
		b := codecs.NewBuilder(batch.Head{})
		if err := b.Append(batch.Record{Timestamp: 1, Value: []byte("secret")}); err != nil {
			t.Fatal(err)
		}
		raw, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		durable := make(chan error, 1)
		if _, err := p.Append(raw, log.AckDurable, func(err error) { durable <- err }); err != nil {
			t.Fatal(err)
		}
		if err := <-durable; err != nil {
			t.Fatal(err)
		}
	}
	part := erasure.Part{Topic: id.Topic, TopicID: base64.RawURLEncoding.EncodeToString(id.TopicID[:]), Offsets: []proof.Range{{First: 2, Last: 2}}}
	err := errors.Join(l.Close(), disk.Remove("data/checkpoint"), disk.FlipBit("data/topics/orders-0/00000000000000000000.log", 100))
	if err != nil {
		t.Fatal(err)
	}
	l, p = openLog(t, disk, id)
	if end := p.HighWatermark(); end > 2 || p.Err() == nil {
		t.Fatalf("the partition is not damaged: it ends at %d, %v", end, p.Err())
	}
	if _, err := (records{l}).Destroy(t.Context(), part); !errors.Is(err, log.ErrStorage) {
		t.Errorf("destroyed: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}
