package dedup

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/seen"
)

// The stores: blocks of ids, and what is no block yet.
const (
	idsStore  = "ids"
	tailStore = "tail"
)

// handler is the code for a task. What it has in memory follows from its stores.
type handler struct {
	cfg    *Config
	counts *counts
	size   seen.Config
	set    *seen.Set // nil before it was read

	text       []byte // of what an id is made of
	key, value []byte // of what is put
	block      []kept
}

// newHandler makes the code for a task, whose part of the limit is as large as any other's.
func newHandler(cfg *Config, counts *counts, t process.Task) *handler {
	limit := max(1, cfg.Limit/max(1, int64(t.Partitions)))
	return &handler{cfg: cfg, counts: counts, size: seen.Config{Window: cfg.Window, Limit: int(limit)}}
}

// Open implements [process.Opener].
func (h *handler) Open(s process.Step) error { return h.load(s) }

// Handle implements [process.Handler].
func (h *handler) Handle(s process.Step, r *kgo.Record) error {
	if err := h.agree(s); err != nil {
		return err
	}
	id, ok := h.cfg.Key.ID(r, &h.text)
	if !ok {
		return h.without(s, r)
	}
	at := min(r.Timestamp.UnixMilli(), s.Now().UnixMilli())
	if _, ok := h.set.Find(id, at); ok {
		h.counts.dropped.Inc()
		return nil
	}
	if err := h.pass(s, r); err != nil {
		return err
	}
	h.counts.passed.Inc()
	return h.add(s, id, at)
}

func (h *handler) pass(s process.Step, r *kgo.Record) error {
	return s.Emit(process.Output{Topic: h.cfg.Output, Key: r.Key, Value: r.Value, Headers: r.Headers})
}

// without is for a record without an id.
func (h *handler) without(s process.Step, r *kgo.Record) error {
	h.counts.without.Inc()
	if h.cfg.WithoutID == Pass {
		return h.pass(s, r)
	}
	return fmt.Errorf("%w: the record has no id: something of %s is missing or empty", process.ErrReject, h.cfg.Key)
}

// add remembers an id, in memory and in the stores. If it fails half done, agree finds
// that the stores do not have the id, since its change of them is undone.
func (h *handler) add(s process.Step, id seen.ID, at int64) error {
	at = h.set.Time(at)
	number := h.set.Add(id, at, nil)
	h.key = appendTailKey(h.key[:0], number)
	h.value = appendTail(h.value[:0], kept{number, at, id})
	if err := s.Store(tailStore).Put(h.key, h.value); err != nil {
		return err
	}
	if number%blockLen == blockLen-1 {
		if err := h.putBlock(s, number/blockLen); err != nil {
			return err
		}
	}
	return h.expire(s)
}

// putBlock keeps the last ids as a block. Those of them that do not count any more may
// have left the memory already; they still are in the tail.
func (h *handler) putBlock(s process.Step, block uint64) error {
	h.block = h.block[:0]
	for n := max(h.set.First(), block*blockLen); n < h.set.Next(); n++ {
		id, at := h.set.Entry(n)
		h.block = append(h.block, kept{n, at, id})
	}
	if len(h.block) < blockLen {
		tail, err := readTail(s)
		if err != nil {
			return err
		}
		h.block = append(h.block[:0], tail...)
	}
	if len(h.block) != blockLen || h.block[0].number != block*blockLen {
		return fmt.Errorf("%w: the tail has %d ids, and block %d needs %d", ErrState, len(h.block), block, blockLen)
	}
	h.key, h.value = appendBlockKey(h.key[:0], block), appendBlock(h.value[:0], h.block)
	return s.Store(idsStore).Put(h.key, h.value)
}

// expireAtOnce is how many ids are forgotten when one is added: of a hundred million that
// a quiet day leaves behind no step has to delete all.
const expireAtOnce = 16 * blockLen

// expire forgets what does not count any more.
func (h *handler) expire(s process.Step) error {
	first := h.set.First() / blockLen
	h.counts.early.Add(float64(h.set.Expire(expireAtOnce)))
	for ; first < h.set.First()/blockLen; first++ {
		h.key = appendBlockKey(h.key[:0], first)
		if err := s.Store(idsStore).Delete(h.key); err != nil {
			return err
		}
	}
	return nil
}
