package share

import (
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/broker/share/window"
	"github.com/evidentlog/evident/internal/log"
)

// room is how many bytes may still be added to the answer, and whether one batch
// may be whatever its size.
func (f *fetching) room() (bytes int, first bool) {
	return max(0, f.maxBytes-f.bytes), f.bytes == 0
}

// wants tells if the client takes records at all: with no bytes, not even one
// batch.
func (f *fetching) wants() bool { return f.req.MaxRecords > 0 && f.req.MaxBytes > 0 }

func (f *fetching) acquisition() window.Acquisition {
	return window.Acquisition{
		Member: f.key.member, Until: time.Now().Add(f.settings.RecordLock),
		Records: int(f.req.MaxRecords) - f.acquired, Exact: f.req.ShareAcquireMode == recordLimit,
		BatchSize: int(f.req.BatchSize), Locks: f.settings.RecordLocks, Limit: f.settings.DeliveryLimit,
	}
}

// take acquires records of one partition, as many as there are and fit.
func (f *fetching) take(p *partition) error {
	for f.wants() {
		if bytes, first := f.room(); int(f.req.MaxRecords) <= f.acquired || bytes == 0 && !first {
			return nil
		}
		got, again, err := p.acquireFor(f)
		switch {
		case errors.Is(err, errMoved):
			return nil
		case err != nil:
			return err
		case len(got.ranges) > 0:
			f.took(p, got)
			return nil
		case !again:
			return nil
		}
	}
	return nil
}

// taken is records that were acquired, and the batches that have them.
type taken struct {
	slices []*log.Slice
	ranges []window.Range
}

func (f *fetching) took(p *partition, got taken) {
	r := f.result(p.place())
	r.Slices, r.Acquired = append(r.Slices, got.slices...), append(r.Acquired, got.ranges...)
	for _, g := range got.ranges {
		f.acquired += int(g.Last - g.First + 1)
	}
	for _, s := range got.slices {
		f.bytes += s.Size()
	}
}

// errMoved says that what was to be read is gone. There will be something else,
// or there has to be.
var errMoved = errors.New("log has moved on")

// acquireFor acquires records for a fetch. If there were some but none to be acquired, again is
// true, and the next look begins behind them.
func (p *partition) acquireFor(f *fetching) (got taken, again bool, err error) {
	p.mu.Lock()
	if err := p.check(f); err != nil || !p.ready() {
		p.unlockQuietly()
		return taken{}, false, err
	}
	p.mu.reading = true
	if p.mu.look != nil {
		return p.takeRanked(f)
	}
	from, l := p.mu.window.Next(), p.mu.log
	p.mu.Unlock()

	seen, err := p.read(l, from, f)
	if err != nil {
		p.stopReading()
		return taken{}, false, err
	}
	ranges, again := p.acquire(f, from, seen.spans)
	if len(ranges) == 0 {
		seen.slice.Close()
		return taken{}, again, nil
	}
	if err := seen.cut(ranges); err != nil {
		seen.slice.Close()
		p.giveBack(f, ranges)
		return taken{}, false, err
	}
	return taken{[]*log.Slice{seen.slice}, ranges}, false, nil
}

// acquire ends reading: it acquires records of what was read. again is true if
// nothing was, but there may be something elsewhere.
func (p *partition) acquire(f *fetching, from int64, spans []window.Span) (ranges []window.Range, again bool) {
	p.mu.Lock()
	p.mu.reading = false
	if f.session.isClosed() || p.mu.gone {
		p.unlock() // others may have more luck
		return nil, false
	}
	ranges = p.mu.window.Acquire(f.acquisition(), from, spans)
	if again = len(ranges) == 0 && p.mu.window.Next() != from; again || len(ranges) > 0 {
		p.unlock()
	} else {
		p.unlockQuietly()
	}
	return ranges, again
}

func (p *partition) stopReading() {
	p.mu.Lock()
	p.mu.reading = false
	p.unlockQuietly()
}

// giveBack undoes an acquisition whose records could not be read.
func (p *partition) giveBack(f *fetching, ranges []window.Range) {
	p.mu.Lock()
	p.mu.window.Return(f.key.member, ranges)
	p.unlockQuietly()
}

// check says why nothing can be read, and forgets what the log has deleted. The
// lock is held.
func (p *partition) check(f *fetching) error {
	l := p.mu.log
	switch {
	case p.mu.gone || l == nil:
		return kerr.UnknownTopicOrPartition
	case f.session.isClosed():
		return nil
	}
	if err := l.Err(); errors.Is(err, log.ErrDeleted) || errors.Is(err, log.ErrClosed) {
		return err // one that is stopped for another reason can be read
	}
	p.mu.window.AdvanceTo(l.LogStart())
	return nil
}
