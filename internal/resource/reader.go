package resource

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A reader puts the records of a log together to states.
type reader struct {
	service *Service
	log     log
	whole   func() // called when all is published that there was at the beginning
	state   *State
	shown   *State     // was published
	pending []*Version // of a transaction whose end was not read yet
	read    []*Version // of those that ended
	end     int64      // behind the last of them
}

func newReader(s *Service, l log, whole func()) *reader {
	return &reader{service: s, log: l, whole: whole, state: newState(l.id, l.start), end: l.start}
}

// take adds a record. What a transaction has is held back until its marker.
func (r *reader) take(rec *kgo.Record) error {
	told := r.service.cfg.Logger.With("topic", Topic, "offset", rec.Offset)
	if rec.Offset < r.end {
		return fmt.Errorf("%w: offset %d comes after %d", errOtherLog, rec.Offset, r.end-1)
	}
	switch {
	case rec.Attrs.IsControl(): // the end of a commit: of an abort there are no records
		r.read, r.pending = append(r.read, r.pending...), nil
		r.end = rec.Offset + 1
	case !rec.Attrs.IsTransactional():
		told.Error("a record of what is declared was not written by a node, and is passed over")
		r.end = rec.Offset + 1
	default:
		v, err := version(rec)
		if err != nil {
			told.Error("a record of what is declared cannot be read, and is passed over", "error", err)
			return nil
		}
		r.pending = append(r.pending, v)
	}
	return nil
}

// publish shows what ended.
func (r *reader) publish() error {
	if r.end > r.state.End {
		next, err := r.state.with(r.end, r.read)
		if err != nil {
			return err
		}
		r.state, r.read = next, nil
	}
	if r.state == r.shown || r.state.End < r.log.end {
		return nil
	}
	r.shown = r.state
	r.service.publish(r.state)
	r.service.read.give()
	r.whole()
	return nil
}
