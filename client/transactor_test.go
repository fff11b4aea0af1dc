package client_test

import (
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/client"
	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/evidenttest"
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

// Brokers refuse what comes after with the same error as what somebody fenced sends.
func TestATransactionThatTakesTooLongIsAbortedAndTheNextOneIsNot(t *testing.T) {
	for name, late := range map[string]func(*fixture, *client.Producer) error{
		"and writes more": func(f *fixture, p *client.Producer) error {
			_, err := p.Produce(f.ctx, "a", &event.Event{ID: "late", Type: "t"})
			return err
		},
		"and ends": func(*fixture, *client.Producer) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
				f := connect(t, n.Client().Opts())
				f.topic("a", 1)
				tr := f.c.Transactor("slow")
				defer tr.Close()
				err := tr.Do(f.ctx, func(p *client.Producer) error {
					if _, err := p.Produce(f.ctx, "a", &event.Event{ID: "early", Type: "t"}); err != nil {
						return err
					}
					time.Sleep(2 * time.Minute)
					return late(f, p)
				})
				if !errors.Is(err, client.ErrTimedOut) || errors.Is(err, client.ErrFenced) {
					t.Errorf("it ended with %v", err)
				}
				if err := tr.Do(f.ctx, func(p *client.Producer) error {
					_, err := p.Produce(f.ctx, "a", &event.Event{ID: "next", Type: "t"})
					return err
				}); err != nil {
					t.Fatal(err)
				}
				if e := eventOf(t, f.read("a", 1)[0]); e.ID != "next" {
					t.Errorf("read %+v", e)
				}
			}, evidenttest.WithoutLedger())
		})
	}
}

func TestWhoeverTakesAnIDOverFencesAlsoWhoHasWrittenAll(t *testing.T) {
	f := start(t)
	f.topic("a", 1)
	one := func(p *client.Producer) error {
		_, err := p.Produce(f.ctx, "a", &event.Event{Type: "t"})
		return err
	}
	tr, other := f.c.Transactor("bank"), f.c.Transactor("bank")
	defer tr.Close()
	defer other.Close()
	for range 2 {
		if err := tr.Do(f.ctx, func(p *client.Producer) error { return errors.Join(one(p), other.Do(f.ctx, one)) }); !errors.Is(err, client.ErrFenced) {
			t.Errorf("it ended with %v", err)
		}
	}
}

// Else it would take the id over from who has taken it from it.
func TestWhileItIsNotKnownWhoHasTheIDNothingIsBegun(t *testing.T) {
	evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
		f := connect(t, n.Client().Opts())
		f.topic("a", 1)
		one := func(p *client.Producer) error {
			_, err := p.Produce(f.ctx, "a", &event.Event{Type: "t"})
			return err
		}
		tr, other := f.c.Transactor("bank"), f.c.Transactor("bank")
		defer tr.Close()
		defer other.Close()
		if err := errors.Join(tr.Do(f.ctx, one), other.Do(f.ctx, one)); err != nil {
			t.Fatal(err)
		}
		hold := n.Inject(evidenttest.RequestFault{Requests: []kmsg.Key{kmsg.InitProducerID}, Do: evidenttest.Hold})
		for range 2 {
			if err := tr.Do(f.ctx, one); err == nil || errors.Is(err, client.ErrFenced) || errors.Is(err, client.ErrTimedOut) {
				t.Errorf("it ended with %v", err)
			}
		}
		hold.Remove()
		if err := tr.Do(f.ctx, one); !errors.Is(err, client.ErrFenced) {
			t.Errorf("it ended with %v", err)
		}
		if err := other.Do(f.ctx, one); err != nil {
			t.Error(err)
		}
	}, evidenttest.WithoutLedger())
}
