package cloudevents

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/gateway/intake"
	"github.com/evidentlog/evident/internal/problem"
)

// maxBad is how many bad events an answer tells of.
const maxBad = 100

// eventBytes is about what an event takes in memory beside its data, until it is written.
const eventBytes = 512

// postBatch takes a batch of events: all, or none if one of them is wrong.
func (a *API) postBatch(w http.ResponseWriter, r *http.Request, topic string) {
	b, err := a.body(w, r)
	if err != nil {
		refuse(w, err)
		return
	}
	events, bad, err := a.readBatch(b)
	if err != nil || bad.count > 0 {
		b.release()
		refuseBatch(w, len(events)+bad.count, bad, err)
		return
	}
	b.rest()
	outcomes, err := a.write(r.Context(), b, topic, events)
	switch single := (*intake.EventError)(nil); {
	case errors.As(err, &single):
		refuseBatch(w, len(events), badEvents{[]Bad{badOf(0, err)}, 1}, nil)
	case err != nil:
		refuse(w, err)
	default:
		answerBatch(w, topic, events, outcomes)
	}
}

// badEvents are those of a batch that are wrong: the first maxBad of so many.
type badEvents struct {
	told  []Bad
	count int
}

func (b *badEvents) add(err error) {
	if b.count++; b.count <= maxBad {
		b.told = append(b.told, badOf(0, err))
	}
}

// readBatch reads a batch to its end, and what is wrong with events of it. After one that
// is wrong the others are not kept: none will be written. The error is of what cannot be
// read on from.
func (a *API) readBatch(b *body) (events []event.Event, bad badEvents, err error) {
	reader := event.NewBatchReader(b, event.Limits{EventBytes: int(a.cfg.MaxBody)})
	for {
		e, err := reader.Next()
		switch {
		case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			return events, bad, nil
		case errors.Is(err, event.ErrInvalid):
			bad.add(err)
			continue
		case err != nil:
			return events, bad, err
		}
		if err := a.stamper.Stamp(&e); err != nil {
			return events, bad, err
		}
		if err := b.keep(int64(len(events)+1) * eventBytes); err != nil {
			return events, bad, err
		}
		events = append(events, e)
	}
}

// refusedBatch is the problem of a batch of which nothing was written, or not all.
type refusedBatch struct {
	problem.Problem
	Events []Bad `json:"events,omitempty"`
	// Written are the events that are in the log all the same, as a 202 has them.
	Written []written `json:"written,omitempty"`
}

// refuseBatch answers that a batch is not written.
func refuseBatch(w http.ResponseWriter, events int, bad badEvents, err error) {
	var p refusedBatch
	if err != nil {
		p.Problem = problem.New(statusOf(err), advised(err))
		if at := (*event.BatchError)(nil); errors.As(err, &at) {
			bad.add(err)
		}
	} else {
		p.Problem = problem.New(bad.told[0].Status, fmt.Errorf("%d of %d events cannot be written, and none was", bad.count, events))
	}
	p.Events = bad.told
	sendWith(w, p.Status, p)
}

// A written event is one that is in the log.
type written struct {
	Index     int    `json:"index"`
	ID        string `json:"id"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

// answerBatch says where all events are, or which of them the log did not acknowledge.
func answerBatch(w http.ResponseWriter, topic string, events []event.Event, outcomes []intake.Outcome) {
	text := make([]byte, 0, 2+len(events)*(64+len(topic)))
	text = append(text, '[')
	for i, o := range outcomes {
		if o.Err != nil {
			failBatch(w, topic, events, outcomes, i)
			return
		}
		if i > 0 {
			text = append(text, ',', '\n')
		}
		text = appendPlace(text, -1, &events[i], topic, o)
	}
	accept(w, "application/json", append(text, ']', '\n'))
}

// failBatch tells of a batch that is not all in the log; first is the first that is not.
func failBatch(w http.ResponseWriter, topic string, events []event.Event, outcomes []intake.Outcome, first int) {
	var p refusedBatch
	failed := 0
	for i, o := range outcomes {
		switch {
		case o.Err == nil:
			p.Written = append(p.Written, written{i, events[i].ID, topic, o.Partition, o.Offset})
		case failed < maxBad:
			p.Events = append(p.Events, badOf(i, o.Err))
			failed++
		default:
			failed++
		}
	}
	p.Problem = problem.New(statusOf(outcomes[first].Err),
		fmt.Errorf("%d of %d events were not acknowledged; send the batch again, and those that are in the log are not written twice", failed, len(events)))
	sendWith(w, p.Status, p)
}
