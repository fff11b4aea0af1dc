package search

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// Limits bound what searches cost a node. A zero value is the usual one.
type Limits struct {
	// Searches are how many there may be at once, and Proofs how many of them make
	// proof files, which are held in memory until witnesses have cosigned. Each
	// search takes up to some 20 MB for offsets and batches: usual are 8 and 4.
	Searches, Proofs int
	// Time is for how long a search goes on before it answers with what it has and a
	// cursor: 10 s, less than clients wait.
	Time time.Duration
	// Reads is how many candidates it reads before it does so: 200,000.
	Reads int
	// Bytes is how many its answer has before it does so, keys and attributes alone:
	// 8 MiB.
	Bytes int
}

func (l *Limits) setDefaults() {
	usual := Limits{Searches: 8, Proofs: 4, Time: 10 * time.Second, Reads: 200_000, Bytes: 8 << 20}
	l.Searches = cmp.Or(l.Searches, usual.Searches)
	l.Proofs = cmp.Or(l.Proofs, usual.Proofs)
	l.Time = cmp.Or(l.Time, usual.Time)
	l.Reads = cmp.Or(l.Reads, usual.Reads)
	l.Bytes = cmp.Or(l.Bytes, usual.Bytes)
}

// ErrBusy says that as many searches as may be are under way.
var ErrBusy = errors.New("the node is busy with other searches")

// slots are what a search needs one of.
type slots chan struct{}

// take takes a slot, or fails at once: who waits for one costs memory too.
func (s slots) take(what string) error {
	select {
	case s <- struct{}{}:
		return nil
	default:
		return fmt.Errorf("%w: %d %s are under way, and no more are done at once; try again in a moment", ErrBusy, cap(s), what)
	}
}

func (s slots) free() { <-s }

// A budget is what is left to a search.
type budget struct {
	limits Limits
	until  time.Time
	reads  int
	bytes  int
	moved  bool // a record was looked at, or a partition has none
}

func newBudget(l Limits) *budget {
	return &budget{limits: l, until: time.Now().Add(l.Time), reads: l.Reads, bytes: l.Bytes}
}

// over tells whether a search is to end: not before its first step, for who goes on
// with the cursor must come to an end some day.
func (b *budget) over() bool { return b.moved && b.spent() != "" }

// spent tells why nothing is left; empty if something is.
func (b *budget) spent() string {
	switch {
	case b.reads <= 0:
		return fmt.Sprintf("%d records were read", b.limits.Reads)
	case b.bytes <= 0:
		return fmt.Sprintf("the answer has %d bytes", b.limits.Bytes-b.bytes)
	case !time.Now().Before(b.until):
		return fmt.Sprintf("it took %v", b.limits.Time)
	}
	return ""
}
