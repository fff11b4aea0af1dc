package client

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A part is a partition while it is this member's. All but ctx is guarded by the board.
type part struct {
	topic  string
	number int32
	ctx    context.Context // of its handlers
	cancel context.CancelCauseFunc

	pending   []*task // in the order of their offsets, from the first that is not done
	next      int64   // the offset that may be committed; -1: none yet
	epoch     int32   // of the record before next
	committed int64   // the last that was; -1: none
	running   int     // tasks that somebody has
	paused    bool    // its records are not fetched
	held      int     // records that were pending when it was paused
	closed    bool    // nothing more is begun
	drained   chan struct{}
	ended     bool // drained is closed

	// Of a partition within one transaction:
	batch   *batch
	tasks   []*task // all of them, in order
	refusal refusal // what the transaction before this one failed on
}

// advance moves next past what is done without a gap.
func (p *part) advance() {
	n := 0
	for n < len(p.pending) && p.pending[n].done {
		p.next, p.epoch = p.pending[n].record.Offset+1, p.pending[n].record.LeaderEpoch
		p.pending[n] = nil
		n++
	}
	p.pending = p.pending[n:]
}

// waits tells whether all that is pending waits for the next attempt at its first.
func (p *part) waits() bool { return len(p.pending) > 0 && p.pending[0].parked }

// look closes drained when the partition is given up and nothing runs.
func (p *part) look() {
	if p.closed && p.running == 0 && !p.ended {
		p.ended = true
		close(p.drained)
	}
}

// due is the offset to be committed; false if that is done.
func (p *part) due() (kgo.EpochOffset, bool) {
	return kgo.EpochOffset{Epoch: p.epoch, Offset: p.next}, p.next > p.committed
}
