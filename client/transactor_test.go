package client_test

import (
	"errors"
	"testing"

	"github.com/evidentlog/evident/client"
	"github.com/evidentlog/evident/event"
)

// What a transaction writes is seen together, or not at all; who takes its id over has
// the other fenced.
func TestATransactionIsWholeOrNothing(t *testing.T) {
	f := start(t)
	f.topic("a", 1)
	f.topic("b", 1)
	tr := f.c.Transactor("bank")
	defer tr.Close()
	both := func(id string) func(*client.Producer) error {
		return func(p *client.Producer) error {
			_, errA := p.Produce(f.ctx, "a", &event.Event{ID: id, Type: "t"})
			_, errB := p.Produce(f.ctx, "b", &event.Event{ID: id, Type: "t"})
			return errors.Join(errA, errB)
		}
	}
	broken := errors.New("changed my mind")
	if err := tr.Do(f.ctx, func(p *client.Producer) error { return errors.Join(both("1")(p), broken) }); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if err := tr.Do(f.ctx, func(p *client.Producer) error {
		_, _ = p.Produce(f.ctx, "a", &event.Event{ID: "2", Type: ""}) // refused, and fn does not look
		return both("2")(p)
	}); err == nil {
		t.Fatal("an event that is none was committed")
	}
	if err := tr.Do(f.ctx, both("3")); err != nil {
		t.Fatal(err)
	}
	for _, topic := range []string{"a", "b"} {
		if e := eventOf(t, f.read(topic, 1)[0]); e.ID != "3" {
			t.Errorf("%s: %+v", topic, e)
		}
	}
	other := f.c.Transactor("bank")
	defer other.Close()
	if err := other.Do(f.ctx, both("4")); err != nil {
		t.Fatal(err)
	}
	if err := tr.Do(f.ctx, both("5")); !errors.Is(err, client.ErrFenced) {
		t.Error(err)
	}
	if err := tr.Do(f.ctx, both("6")); !errors.Is(err, client.ErrFenced) {
		t.Error(err)
	}
	if err := other.Do(f.ctx, both("7")); err != nil {
		t.Error(err)
	}
}
