package window

import (
	"time"
)

// State is the state of a record for a share group. The numbers are Kafka's, on
// disk too.
type State int8

const (
	// Available records can be acquired.
	Available State = 0
	// Acquired records are locked for a member.
	Acquired State = 1
	// Acknowledged records were accepted by a member: they are finished.
	Acknowledged State = 2
	// Archiving records were given up and wait for their dead letter (KIP-1191).
	Archiving State = 3
	// Archived records were given up, or were never there: they are finished.
	Archived State = 4
)

func (s State) finished() bool { return s == Acknowledged || s == Archived }

// lock is what a member holds on the records of one acquisition.
type lock struct {
	member string
	until  time.Time
}

// run is neighbouring offsets of which the same is known.
type run struct {
	first, last int64
	state       State
	deliveries  int16 // with the one under way; 0 for finished records
	lock        *lock // of acquired records
}

func (r *run) records() int64 { return r.last - r.first + 1 }

// Window is the window of one share-partition. It must not be used
// concurrently. Make one with [New] or [Restore].
type Window struct {
	start, end  int64
	runs, spare []run // spare is memory for the next edit

	// What settle counts.
	available, finished int64     // offsets in the window
	wake                time.Time // when the first lock runs out; zero: there is none
}

// New makes an empty window that begins at offset start.
func New(start int64) *Window { return &Window{start: start, end: start} }

// Start is the offset of the first record that is not finished (SPSO).
func (w *Window) Start() int64 { return w.start }

// End is the offset behind the last record that was ever acquired, or Start.
func (w *Window) End() int64 { return w.end }

// Finished is how many offsets of the window are finished (KIP-1226:
// DeliveryCompleteCount).
func (w *Window) Finished() int64 { return w.finished }

// Wake is when [Window.Expire] has something to do; zero if never.
func (w *Window) Wake() time.Time { return w.wake }

// Next returns the offset from which an acquisition has to read: the first
// available one, or else the end.
func (w *Window) Next() int64 {
	if w.available > 0 {
		for i := range w.runs {
			if w.runs[i].state == Available {
				return w.runs[i].first
			}
		}
	}
	return w.end
}

// Has tells if there may be something to acquire in a partition that can be read
// up to offset readable, with at most so many offsets in the window.
func (w *Window) Has(readable int64, locks int) bool {
	return w.available > 0 || w.end < readable && w.end-w.start < int64(locks)
}

// AdvanceTo forgets what lies before the log start offset.
func (w *Window) AdvanceTo(logStart int64) {
	if logStart <= w.start {
		return
	}
	w.start, w.end = logStart, max(logStart, w.end)
	w.settle()
}
