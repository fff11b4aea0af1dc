package window

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// AckType is what a member says of a record. The numbers are those of the
// protocol.
type AckType = int8

const (
	// Gap: there is no such record.
	Gap AckType = 0
	// Accept: it was processed.
	Accept AckType = 1
	// Release: it may be delivered again.
	Release AckType = 2
	// Reject: it must not be delivered again.
	Reject AckType = 3
	// Renew: the member needs more time (KIP-1222).
	Renew AckType = 4
)

// Errors of Acknowledge.
var (
	ErrInvalidAck   = errors.New("invalid acknowledgement")     // INVALID_REQUEST
	ErrNotAcquired  = errors.New("record is not acquired")      // INVALID_RECORD_STATE
	ErrNotRenewable = errors.New("locks are not to be renewed") // INVALID_RECORD_STATE
)

// Ack is an acknowledgement of a range of records: one type for all, or one for
// each.
type Ack struct {
	First, Last int64
	Types       []AckType
}

// Acknowledgement says who acknowledges and what then applies.
type Acknowledgement struct {
	Member string
	Until  time.Time // the new end of a lock that is renewed
	// Renew says that the request may have the type Renew; else there is no such.
	Renew bool
	// Renewable says that the group allows it.
	Renewable bool
	Fate
}

// Fate is what becomes of records that are given up.
type Fate struct {
	// Limit is how often a record may be delivered.
	Limit int
	// DeadLetters are to be written.
	DeadLetters bool
}

// Acknowledge does what acks say, which are in order and do not overlap, or
// nothing if there is an error: ErrInvalidAck if they are malformed or about
// records that were never given out, ErrNotAcquired if one is not locked for the
// member, ErrNotRenewable if the group does not allow what they ask. What lies before the start is passed over: it is finished.
func (w *Window) Acknowledge(k Acknowledgement, acks []Ack) error {
	behind := int64(-1)
	for _, a := range acks {
		if err := k.check(a, behind); err != nil {
			return err
		}
		behind = a.Last
		if err := w.checkAcquired(k.Member, a); err != nil {
			return err
		}
	}
	var edits []edit
	for _, a := range acks {
		edits = k.edits(edits, a)
	}
	w.edit(edits)
	return nil
}

// check checks the form of an acknowledgement that has to begin behind an offset.
func (k *Acknowledgement) check(a Ack, behind int64) error {
	switch n := int64(len(a.Types)); {
	case a.First <= behind || a.First > a.Last:
		return fmt.Errorf("%w: offsets %d to %d, after %d", ErrInvalidAck, a.First, a.Last, behind)
	case n != 1 && n != a.Last-a.First+1:
		return fmt.Errorf("%w: %d types for offsets %d to %d, must be one, or one for each", ErrInvalidAck, n, a.First, a.Last)
	}
	for _, t := range a.Types {
		if t < Gap || t > Renew || t == Renew && !k.Renew {
			return fmt.Errorf("%w: type %d", ErrInvalidAck, t)
		}
	}
	if !k.Renewable && slices.Contains(a.Types, Renew) {
		return fmt.Errorf("%w: offsets %d to %d", ErrNotRenewable, a.First, a.Last)
	}
	return nil
}

func (w *Window) checkAcquired(member string, a Ack) error {
	if a.Last >= w.end && a.Last >= w.start {
		return fmt.Errorf("%w: offsets %d to %d, records were given out up to %d", ErrInvalidAck, a.First, a.Last, w.end-1)
	}
	for _, r := range w.over(a.First, a.Last) {
		if r.state != Acquired || r.lock.member != member {
			return fmt.Errorf("%w: offset %d is not locked for member %s", ErrNotAcquired, max(r.first, a.First), member)
		}
	}
	return nil
}

// edits appends what an acknowledgement does: an edit for neighbours of one type.
func (k *Acknowledgement) edits(edits []edit, a Ack) []edit {
	if len(a.Types) == 1 {
		return append(edits, edit{a.First, a.Last, k.does(a.Types[0])})
	}
	for i := 0; i < len(a.Types); {
		n := i + 1
		for n < len(a.Types) && a.Types[n] == a.Types[i] {
			n++
		}
		edits = append(edits, edit{a.First + int64(i), a.First + int64(n) - 1, k.does(a.Types[i])})
		i = n
	}
	return edits
}

// does is what an acknowledgement of the given type does to an acquired record.
func (k *Acknowledgement) does(t AckType) func(*run) {
	switch t {
	case Accept:
		return func(r *run) { r.state, r.deliveries, r.lock = Acknowledged, 0, nil }
	case Release:
		return k.release
	case Reject:
		return k.giveUp
	case Renew:
		renewed := &lock{k.Member, k.Until}
		return func(r *run) { r.lock = renewed }
	}
	return archive
}

// release makes a record available again, unless it was delivered too often.
func (f Fate) release(r *run) {
	if int(r.deliveries) >= f.Limit {
		f.giveUp(r)
		return
	}
	r.state, r.lock = Available, nil
}

func (f Fate) giveUp(r *run) {
	if !f.DeadLetters {
		archive(r)
		return
	}
	r.state, r.lock = Archiving, nil
}
