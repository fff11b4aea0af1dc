package log

import (
	"errors"
	"fmt"
	"time"

	"github.com/evidentlog/evident/internal/log/batch"
)

// unwrittenLimit is how many bytes a partition takes ahead of its commits.
// Appends wait beyond it. It also bounds how far a torn commit can reach,
// which recovery relies on (see maxTorn).
const unwrittenLimit = 8 << 20

// Append validates raw, one or more whole record batches as they came over the
// wire, gives them their offsets by patching base offset and leader epoch in
// place, and appends them. raw may be reused when Append returns.
//
// It does no I/O, but waits while the partition is too far ahead of its disk.
// done, which may be nil, is called once from another goroutine when ack is
// reached or the append has failed; its error wraps ErrStorage. It must not
// block. If Append itself returns an error nothing was appended, and done is
// never called.
func (p *Partition) Append(raw []byte, ack Ack, done func(error)) (Appended, error) {
	return p.AppendWith(raw, AppendOptions{Ack: ack}, done)
}

// AppendOptions is what an append wants beyond what [Partition.Append] offers.
type AppendOptions struct {
	Ack Ack
	// Admit, if not nil, has the last word before the batches get their offsets:
	// its error refuses them, and AppendWith returns it. It is not asked for
	// batches that are in the log already. It is called with the partition's
	// lock held, so what it sees is in order with markers: if a transaction's state
	// is changed before AppendMarker is called, whatever Admit let in before the
	// change lies before the marker. It must neither block nor call the partition.
	Admit func() error
	// Coordinator says that the batches are a coordinator's own and not from a
	// client: they may belong to a transaction without having sequence numbers, as
	// the offsets do that TxnOffsetCommit brings.
	Coordinator bool
}

// AppendWith is [Partition.Append] with options.
func (p *Partition) AppendWith(raw []byte, o AppendOptions, done func(error)) (Appended, error) {
	batches, err := p.validate(raw, o.Coordinator)
	if err != nil {
		return Appended{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.waitForRoom(); err != nil {
		return Appended{}, err
	}
	dup, err := p.checkSequences(batches)
	if err != nil {
		return Appended{}, err
	}
	if dup != nil {
		p.awaitDuplicate(dup, o.Ack, done)
		return Appended{BaseOffset: dup.base, LastOffset: dup.last, AppendTime: -1, LogStart: p.LogStart(), Duplicate: true}, nil
	}
	if o.Admit != nil {
		if err := o.Admit(); err != nil {
			return Appended{}, err
		}
	}
	res := p.appendLocked(batches)
	p.await(res.LastOffset+1, o.Ack, done)
	p.schedule()
	return res, nil
}

// validate splits raw into batches and checks each against the topic's rules.
// It runs without the lock, for it reads every byte.
func (p *Partition) validate(raw []byte, coordinator bool) ([]batch.Batch, error) {
	st := p.Settings()
	rules := batch.Rules{
		Now:           p.now(),
		Before:        st.TimestampBefore.Milliseconds(),
		After:         st.TimestampAfter.Milliseconds(),
		LogAppendTime: st.LogAppendTime,
		RequireKey:    st.Compact,
		Coordinator:   coordinator,
	}
	var list []batch.Batch
	for rest := raw; len(rest) > 0; {
		b, more, err := batch.Next(rest)
		if err != nil {
			return nil, appendError(err)
		}
		if len(b) > st.MaxMessageBytes {
			return nil, fmt.Errorf("%w: %d bytes, max.message.bytes is %d", ErrBatchTooLarge, len(b), st.MaxMessageBytes)
		}
		if _, err := p.log.codecs.Validate(b, rules); err != nil {
			return nil, appendError(err)
		}
		list = append(list, b)
		rest = more
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: no record batch in the request", ErrInvalidRecord)
	}
	return list, nil
}

// appendError turns an error of the codec into one of the log's.
func appendError(err error) error {
	for _, m := range []struct{ from, to error }{
		{batch.ErrMagic, ErrUnsupportedFormat},
		{batch.ErrCompression, ErrUnsupportedCodec},
		{batch.ErrTimestamp, ErrInvalidTimestamp},
		{batch.ErrInvalidRecord, ErrInvalidRecord},
	} {
		if errors.Is(err, m.from) {
			return fmt.Errorf("%w: %w", m.to, err)
		}
	}
	return fmt.Errorf("%w: %w", ErrCorruptBatch, err)
}

// waitForRoom returns when the partition can take an append. The lock is held,
// and given up while it waits.
func (p *Partition) waitForRoom() error {
	for p.refusal() == nil && p.mu.commit.unwritten >= unwrittenLimit {
		p.room.Wait()
	}
	return p.refusal()
}

// refusal is why no appends are taken, or nil. The lock is held.
func (p *Partition) refusal() error {
	if p.mu.err != nil {
		return p.mu.err
	}
	return p.mu.draining
}

// checkSequences checks the batches of an idempotent producer. The protocol
// allows it one batch a request, so a duplicate is the whole request. The lock
// is held.
func (p *Partition) checkSequences(batches []batch.Batch) (*producedBatch, error) {
	for _, b := range batches {
		if b.ProducerID() >= 0 && len(batches) > 1 {
			return nil, fmt.Errorf("%w: %d batches with producer id %d in one request, one is allowed", ErrInvalidRecord, len(batches), b.ProducerID())
		}
		if dup, err := p.mu.producers.check(b); dup != nil || err != nil {
			return dup, err
		}
	}
	return nil, nil
}

// appendLocked gives the batches their offsets and appends them to the active
// segment. The lock is held.
func (p *Partition) appendLocked(batches []batch.Batch) Appended {
	now, st := p.now(), &p.mu.settings
	res := Appended{BaseOffset: p.LogEnd(), AppendTime: -1, LogStart: p.LogStart()}
	next := res.BaseOffset
	for _, b := range batches {
		b.SetBaseOffset(next)
		b.SetLeaderEpoch(p.LeaderEpoch())
		if st.LogAppendTime {
			b.StampAppendTime(now)
			res.AppendTime = now
		}
		next = b.LastOffset() + 1
		p.appendBatch(b, now)
	}
	p.logEnd.Store(next)
	res.LastOffset = next - 1
	return res
}

// appendBatch appends one batch that carries its offset, in a new segment if
// the active one is full or old. The lock is held.
func (p *Partition) appendBatch(b batch.Batch, now int64) {
	s, st := p.active(), &p.mu.settings
	if !s.fits(len(b), b.LastOffset(), st) || p.tooOld(s, now) {
		s = p.roll()
	}
	s.append(b, st, now)
	p.log.appended.Add(int64(len(b)))
	if e, aborts := p.mu.producers.add(b, now); aborts {
		s.noteAborted(e)
	}
	if b.Attributes().Transactional() {
		p.firstUnstable.Store(p.mu.producers.firstUnstable())
	}
	p.mu.touched = true
	p.mu.commit.unwritten += int64(len(b))
	p.mu.commit.unsynced += int64(b.Count())
}

func (p *Partition) tooOld(s *segment, now int64) bool {
	age := p.mu.settings.SegmentAge
	return s.size > 0 && age > 0 && now-s.created >= age.Milliseconds()
}

// roll seals the active segment and begins another at the next offset. Its
// file is made by the commit that first writes to it. The lock is held.
func (p *Partition) roll() *segment {
	old := p.active()
	old.sealed = true
	s := newSegment(p.dir, old.next, &p.log.chunks)
	p.mu.segments = append(p.mu.segments, s)
	return s
}

// flushDue is how long a loosened topic may still wait with its next sync.
func (p *Partition) flushDue() time.Duration {
	d := p.mu.settings.FlushInterval
	if d <= 0 {
		d = time.Millisecond
	}
	return d
}
