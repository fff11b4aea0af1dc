package opening

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/internal/ledger/leaves"
	"github.com/evidentlog/evident/internal/log/batch"
)

const (
	// A scanner fetches little while offsets lie far apart, and more and more
	// while they follow one another.
	scanLeast = 64 << 10
	// scanNear is within how many offsets behind the last fetch another continues it.
	scanNear = 10_000

	committed = 1 // isolation level
)

// A Scanner reads records of one partition at rising offsets: those that
// consumers of committed records see. It is not for concurrent use.
type Scanner struct {
	p       *partition
	chunk   []byte // batches that were fetched and not looked at
	next    int64  // the offset behind all that was looked at
	bytes   int32  // of the next fetch
	start   int64  // nothing is before it
	end     int64  // nothing is at it or behind
	open    bool   // transactions in the chunk may not have ended
	aborted []kmsg.FetchResponseTopicPartitionAbortedTransaction
	ending  map[int64]bool // producers whose aborted transaction is being read

	batch   batch.Batch // at hand; nil for none
	records func() (batch.Record, error, bool)
	stop    func()
	ahead   *batch.Record // read, and behind the offset that was asked for

	of      batch.Batch             // of the record that was read last
	markers map[int64]ledger.Opened // the marker that was found last, by producer
}

// Scan begins to read a partition. The scanner must be closed.
func (r *Reader) Scan(ctx context.Context, topic string, number int32) (*Scanner, error) {
	p, err := r.find(ctx, Place{Topic: topic, Partition: number})
	if err != nil {
		return nil, fmt.Errorf("%s/%d: %w", topic, number, err)
	}
	return &Scanner{p: p, bytes: scanLeast, end: math.MaxInt64, ending: map[int64]bool{}, markers: map[int64]ledger.Opened{}}, nil
}

// TopicID is the topic's, as origins have it.
func (s *Scanner) TopicID() string { return base64.RawURLEncoding.EncodeToString(s.p.topicID[:]) }

// Close ends the scan.
func (s *Scanner) Close() { s.leave() }

// leave lets the batch at hand go.
func (s *Scanner) leave() {
	if s.batch != nil {
		s.stop()
	}
	s.batch, s.ahead = nil, nil
}

// Read returns the record at an offset, which is greater than that of the last
// call. The error is ErrNoRecord if nothing stands there, and ErrNotCommitted if
// its transaction was aborted or has not ended.
func (s *Scanner) Read(ctx context.Context, offset int64) (ledger.Opened, error) {
	for {
		switch {
		case offset < s.start || offset >= s.end:
			return ledger.Opened{}, ErrNoRecord
		case s.batch == nil:
			if err := s.take(ctx, offset); err != nil {
				return ledger.Opened{}, err
			}
		case offset > s.batch.LastOffset():
			s.leave()
		case offset < s.batch.BaseOffset():
			return ledger.Opened{}, ErrNoRecord
		default:
			return s.inBatch(offset)
		}
	}
}

// inBatch reads the batch at hand up to an offset.
func (s *Scanner) inBatch(offset int64) (ledger.Opened, error) {
	r := s.ahead
	for r == nil || r.Offset < offset {
		next, err, ok := s.records()
		if err != nil {
			return ledger.Opened{}, err
		}
		if !ok {
			return ledger.Opened{}, ErrNoRecord
		}
		r = &next
	}
	s.ahead = r
	if r.Offset > offset {
		return ledger.Opened{}, ErrNoRecord
	}
	if s.batch.Attributes().Transactional() && !s.batch.Attributes().Control() && (s.open || s.ending[s.batch.ProducerID()]) {
		return ledger.Opened{}, ErrNotCommitted
	}
	s.of = s.batch
	return ledger.Opened{Offset: offset, Record: leaves.Open(s.batch, *r)}, nil
}

// take goes on to the next batch, and fetches more if there is none.
func (s *Scanner) take(ctx context.Context, offset int64) error {
	first, rest, err := batch.Next(s.chunk)
	if err != nil { // the chunk is at its end, whole batches or not
		return s.fetch(ctx, offset)
	}
	if err := first.Check(); err != nil {
		return err
	}
	s.chunk, s.next = rest, first.NextOffset()
	s.follow(first)
	if offset > first.LastOffset() {
		return nil
	}
	s.batch = first
	s.records, s.stop = iter.Pull2(s.p.codecs.Records(first))
	return nil
}

// follow notes which producers' transactions are aborted at a batch.
func (s *Scanner) follow(b batch.Batch) {
	for len(s.aborted) > 0 && s.aborted[0].FirstOffset <= b.LastOffset() {
		s.ending[s.aborted[0].ProducerID] = true
		s.aborted = s.aborted[1:]
	}
	if _, ok := b.Marker(); ok {
		delete(s.ending, b.ProducerID())
	}
}

// fetch gets the chunk that has an offset: committed records, or if there are
// none, what there is.
func (s *Scanner) fetch(ctx context.Context, offset int64) error {
	if s.next > 0 && offset >= s.next && offset < s.next+scanNear {
		s.bytes = min(2*s.bytes, fetchBytes)
	} else {
		s.bytes = scanLeast
	}
	for _, level := range []int8{committed, 0} {
		found, err := s.p.ask(ctx, offset, s.bytes, level)
		if errors.Is(err, ErrNoRecord) {
			return s.learnStart(ctx, offset)
		}
		if err != nil {
			return err
		}
		if len(found.RecordBatches) > 0 {
			s.chunk, s.next, s.open = found.RecordBatches, offset, level != committed
			s.aborted = slices.SortedFunc(slices.Values(found.AbortedTransactions), byFirst)
			clear(s.ending)
			return s.progress(offset)
		}
	}
	s.end = offset
	return ErrNoRecord
}

// learnStart finds out where the log begins, as an offset is not in it.
func (s *Scanner) learnStart(ctx context.Context, offset int64) error {
	starts, err := kadm.NewClient(s.p.Client).ListStartOffsets(ctx, s.p.topic)
	if err != nil {
		return err
	}
	first, ok := starts.Lookup(s.p.topic, s.p.number)
	if !ok || first.Err != nil {
		return errors.Join(ErrNoRecord, first.Err)
	}
	if s.start = first.Offset; offset >= s.start {
		s.end = offset
	}
	return ErrNoRecord
}

func byFirst(a, b kmsg.FetchResponseTopicPartitionAbortedTransaction) int {
	return int(max(-1, min(1, a.FirstOffset-b.FirstOffset)))
}

var errNothing = errors.New("the cluster answers a fetch without one whole batch")

// progress refuses a chunk without a whole batch that reaches the offset.
func (s *Scanner) progress(offset int64) error {
	for b := s.chunk; ; {
		first, rest, err := batch.Next(b)
		if err != nil {
			return fmt.Errorf("%w, at offset %d", errNothing, offset)
		}
		if first.LastOffset() >= offset {
			return nil
		}
		b = rest
	}
}

// Marker returns the marker that committed the transaction of the record that was
// read last; ok is false if it was in none.
func (s *Scanner) Marker(ctx context.Context) (marker ledger.Opened, ok bool, err error) {
	b := s.of
	if !b.Attributes().Transactional() || b.Attributes().Control() {
		return marker, false, nil
	}
	if m, known := s.markers[b.ProducerID()]; known && m.Offset > b.LastOffset() {
		return m, true, nil
	}
	if marker, err = s.p.marker(ctx, b); err != nil {
		return marker, false, err
	}
	s.markers[b.ProducerID()] = marker
	return marker, true, nil
}

// A Chunk is a part of a partition's log.
type Chunk struct {
	Batches []byte // whole ones but for the last; none at the log's end
	TopicID string // of the topic that has the name now
	// End is the log's as its leader knows it: one that is new may not know yet all
	// that can be read.
	End int64
}

// Chunk returns what stands from an offset of a partition on. The error is
// ErrNoRecord if the log does not have the offset; the topic's id is told all the
// same, if there is one.
func (r *Reader) Chunk(ctx context.Context, at Place) (c Chunk, err error) {
	p, err := r.find(ctx, at)
	if err != nil {
		return c, fmt.Errorf("%v: %w", at, err)
	}
	c.TopicID = base64.RawURLEncoding.EncodeToString(p.topicID[:])
	found, err := p.ask(ctx, at.Offset, fetchBytes, 0)
	if err != nil {
		return c, fmt.Errorf("%v: %w", at, err)
	}
	c.Batches, c.End = found.RecordBatches, found.HighWatermark
	return c, nil
}

// Records gives the records of a batch.
func (r *Reader) Records(b batch.Batch) iter.Seq2[batch.Record, error] { return r.codecs.Records(b) }
