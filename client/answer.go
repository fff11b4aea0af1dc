package client

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/evidentlog/evident/event"
)

// RefusedType is the type of answers that refuse a request; their data is the reason.
const RefusedType = "evident.request.refused"

// A Refusal is an answer that says no. A handler of [Answer] returns it, as an error of
// its own making, and the requester gets it.
type Refusal struct{ Reason string }

func (r *Refusal) Error() string { return "refused: " + r.Reason }

// Refuse makes the answer that says no, and why.
func Refuse(reason string) error { return &Refusal{reason} }

// Answer makes a handler of code that answers requests. The answer gets what it lacks,
// and goes to whoever asked; to an event that nobody waits for ([Requester] has not made
// it) it goes nowhere. A [*Refusal] is an answer; other errors are the handler's: the
// request is tried again, and when it is given up, nobody answers.
//
// A request that is handled again gives the same answer by id, if the answer has none of
// its own, and the requester takes the first.
func Answer(handle func(ctx context.Context, m *Message) (*event.Event, error)) Handler {
	return func(ctx context.Context, m *Message) error {
		a, err := handle(ctx, m)
		if refusal := (*Refusal)(nil); errors.As(err, &refusal) {
			a, err = &event.Event{Type: RefusedType, DataContentType: "text/plain", Data: []byte(refusal.Reason)}, nil
		}
		if err != nil {
			return err
		}
		if a == nil {
			return Permanent(errors.New("the code that answers returned neither an answer nor an error"))
		}
		return m.answer(a)
	}
}

// answer emits the answer to the request.
func (m *Message) answer(a *event.Event) error {
	topic, asked := m.Extension(attrReplyTopic)
	inbox, _ := m.Extension(attrReplyInbox)
	if !asked {
		return nil
	}
	at, _ := m.Extension(attrReplyPartition)
	partition, err := strconv.ParseInt(at.String(), 10, 32)
	if err != nil || partition < 0 {
		return Permanent(fmt.Errorf("request %q at %v: its attribute %s is %q, not the number of a partition", m.ID, m.Position, attrReplyPartition, at))
	}
	a.SetExtension(attrReplyInbox, inbox)
	a.SetExtension(attrInReplyTo, event.String(m.ID))
	return m.emitTo(topic.String(), int32(partition), a)
}

// refusalOf is the error that an answer stands for; nil if it is none.
func refusalOf(a *event.Event) error {
	if a.Type != RefusedType {
		return nil
	}
	return &Refusal{string(a.Data)}
}
