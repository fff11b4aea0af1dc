package erasure

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// A house is a log with one partition and its ledger, in a bubble of
// testing/synctest.
type house struct {
	fs     vfs.FS
	log    *log.Log
	p      *log.Partition
	ledger *ledger.Ledger
	tree   *ledger.Partition
	eraser *Eraser
	off    bool // the ledger, for this topic
	stop   context.CancelFunc
	ended  chan error
}

var partition = log.ID{Topic: "people", TopicID: [16]byte{1}}

const (
	topicID = "AQAAAAAAAAAAAAAAAAAAAA"
	origin  = "example.com/e/people/" + topicID + "/0/0"
)

func treeName() proof.Tree { return proof.Tree{Topic: "people", TopicID: topicID} }

func (h *house) open() (err error) {
	h.log, err = log.Open(log.Config{FS: h.fs, Dir: "/data", Hold: func(log.ID) int64 {
		if h.off {
			return math.MaxInt64
		}
		if h.tree == nil {
			return 0
		}
		return h.tree.Durable()
	}})
	if err != nil {
		return err
	}
	if h.p, err = h.log.OpenPartition(partition, log.DefaultSettings()); err != nil {
		return err
	}
	h.ledger, err = ledger.Open(ledger.Config{FS: h.fs, Dir: "/data/ledger", Origin: "example.com/e"})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	h.stop, h.ended = stop, make(chan error, 1)
	go func() { h.ended <- h.ledger.Run(ctx) }()
	if h.tree, err = h.ledger.Open(treeName()); err != nil {
		return err
	}
	h.eraser = &Eraser{Ledger: h.ledger, Log: records{h}, Logger: slog.New(slog.DiscardHandler)}
	return h.log.Start(context.Background())
}

// records is the house's log, as erasure sees it.
type records struct{ *house }

func rangesOf(part Part) (ranges []log.Range) {
	for _, r := range part.Offsets {
		ranges = append(ranges, log.Range(r))
	}
	return ranges
}

func (r records) Announce(part Part) error { return r.p.Announce(rangesOf(part)) }

func (r records) Destroy(ctx context.Context, part Part) (Part, error) {
	meant := r.p.Announced(rangesOf(part))
	part.Offsets = nil
	for _, m := range meant {
		part.Offsets = append(part.Offsets, proof.Range(m))
	}
	return part, r.p.Erase(ctx, meant)
}

func (r records) Withdraw(part Part) error { return r.p.Withdraw(rangesOf(part)) }

// close ends all that was begun.
func (h *house) close() error {
	var errs []error
	if h.ledger != nil && h.stop != nil {
		h.stop()
		errs = append(errs, <-h.ended)
	}
	if h.log != nil {
		errs = append(errs, h.log.Close())
	}
	return errors.Join(errs...)
}

func person(offset int64) string { return fmt.Sprintf("person-%04d-lives-here", offset) }

// settle appends n records and has the ledger take them.
func (h *house) settle(n int64) error {
	var codecs batch.Codecs
	b := codecs.NewBuilder(batch.Head{})
	for i := range n {
		if err := b.Append(batch.Record{Timestamp: time.Now().UnixMilli(), Value: []byte(person(h.p.LogEnd() + i))}); err != nil {
			return err
		}
	}
	raw, err := b.Build()
	if err != nil {
		return err
	}
	durable := make(chan error, 1)
	if _, err := h.p.Append(raw, log.AckDurable, func(err error) { durable <- err }); err != nil {
		return err
	}
	if err := <-durable; err != nil || h.off {
		return err
	}
	return h.follow()
}

// follow gives the ledger what the log has, and waits for a round.
func (h *house) follow() error {
	for h.tree.Next() < h.p.HighWatermark() {
		list, err := h.read(h.tree.Next())
		if err != nil {
			return err
		}
		for _, b := range list {
			if err := h.tree.Add(b); err != nil {
				return err
			}
		}
	}
	time.Sleep(ledger.DefaultInterval + time.Millisecond)
	if h.tree.Durable() < h.p.HighWatermark() {
		return errors.New("the ledger has not come so far")
	}
	return nil
}

func (h *house) read(from int64) (list []batch.Batch, err error) {
	s, err := h.p.Read(from, 1<<20, true)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	raw, err := s.Bytes()
	for err == nil && len(raw) > 0 {
		var b batch.Batch
		if b, raw, err = batch.Next(raw); err == nil {
			list = append(list, b)
		}
	}
	return list, err
}

// known are the records that can be read.
func (h *house) known(t *testing.T) map[int64]string {
	t.Helper()
	out := map[int64]string{}
	for next := h.p.LogStart(); next < h.p.HighWatermark(); {
		list, err := h.read(next)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range list {
			next = b.NextOffset()
			for r, err := range (&batch.Codecs{}).Records(b) {
				if err != nil {
					t.Fatal(err)
				}
				out[r.Offset] = string(r.Value)
			}
		}
	}
	return out
}
