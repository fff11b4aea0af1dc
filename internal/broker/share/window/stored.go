package window

import (
	"errors"
	"fmt"
	"math"
)

// ErrStored is wrapped by the errors of Restore.
var ErrStored = errors.New("stored window is not one")

// Batch is a run as it is stored. What is locked is stored as available, with
// the deliveries before; what is available and was never delivered is left out.
type Batch struct {
	First, Last int64
	State       State
	Deliveries  int16
}

// Batches returns what has to be stored of the window beside its start, in order.
func (w *Window) Batches() []Batch {
	var all []Batch
	for i := range w.runs {
		r := &w.runs[i]
		b := Batch{r.first, r.last, r.state, r.deliveries}
		if b.State == Acquired {
			b.State, b.Deliveries = Available, b.Deliveries-1
		}
		if b.State == Available && b.Deliveries == 0 {
			continue
		}
		if n := len(all); n > 0 && all[n-1].Last+1 == b.First && all[n-1].State == b.State && all[n-1].Deliveries == b.Deliveries {
			all[n-1].Last = b.Last
			continue
		}
		all = append(all, b)
	}
	return all
}

// Restore makes a window of what was stored. The error wraps ErrStored.
func Restore(start int64, batches []Batch) (*Window, error) {
	w := New(start)
	for _, b := range batches {
		if err := b.check(w.end); err != nil {
			return nil, err
		}
		w.extend(b.First-1, Available)
		r := run{first: b.First, last: b.Last, state: b.State, deliveries: b.Deliveries}
		if b.State.finished() {
			r.deliveries = 0
		}
		w.runs, w.end = join(w.runs, r), b.Last+1
	}
	w.settle()
	return w, nil
}

// check checks a batch that must not begin before an offset.
func (b Batch) check(end int64) error {
	switch {
	case b.First < end || b.Last < b.First || b.Last == math.MaxInt64:
		return fmt.Errorf("%w: offsets %d to %d, expected from %d on", ErrStored, b.First, b.Last, end)
	case b.State != Available && b.State != Archiving && !b.State.finished():
		return fmt.Errorf("%w: offsets %d to %d are in state %d", ErrStored, b.First, b.Last, b.State)
	case b.Deliveries < 0:
		return fmt.Errorf("%w: offsets %d to %d were delivered %d times", ErrStored, b.First, b.Last, b.Deliveries)
	}
	return nil
}
