package demo

import (
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process"
)

// flagged returns the orders that screening flags of orders by one account: after so
// many minutes each, of such an amount.
func flagged(t *testing.T, b *bus, orders ...Order) (names []string) {
	t.Helper()
	for n, order := range orders {
		if order.Customer == "" {
			order.Customer = "17850"
		}
		b.send(t, order, morning.Add(time.Duration(n)*time.Hour))
	}
	b.settle(t)
	for _, s := range dataOf[Suspicion](t, b, TopicSuspicious) {
		names = append(names, s.Order)
	}
	return names
}

func TestSeveralLargeOrdersInAShortTimeAreFlaggedEachOnce(t *testing.T) {
	got := flagged(t, newBus(first),
		Order{Order: "1", Amount: largeOrder},
		Order{Order: "2", Amount: largeOrder - 1},
		Order{Order: "other", Amount: largeOrder, Customer: "12345"},
		Order{Order: "late", Amount: largeOrder}, // three hours after the first
		Order{Order: "5", Amount: 2 * largeOrder},
		Order{Order: "6", Amount: largeOrder},
		Order{Order: "C7", Amount: largeOrder},
	)
	if want := []string{"late", "5", "6"}; !slices.Equal(got, want) {
		t.Errorf("flagged %q, want %q", got, want)
	}
}

func TestOrdersWithoutAnAccountAreNobodys(t *testing.T) {
	b := newBus(first)
	for _, name := range []string{"1", "2"} {
		b.send(t, Order{Order: name, Amount: largeOrder}, morning)
	}
	b.settle(t)
	if got := dataOf[Suspicion](t, b, TopicSuspicious); len(got) != 0 {
		t.Errorf("flagged %+v", got)
	}
}

func TestAWindowIsForgottenWhenEventTimeHasGonePastIt(t *testing.T) {
	b := newBus(first)
	flagged(t, b, Order{Order: "1", Amount: largeOrder}, Order{Order: "2", Amount: largeOrder})
	stage := b.stages[serviceScreening]
	if len(stage.timers) != 1 || len(stage.stores[storeWindows]) != 1 {
		t.Fatalf("timers %v, windows %v: want one of each", stage.timers, stage.stores[storeWindows])
	}
	for _, timer := range stage.timers {
		if want := morning.Add(time.Hour + shortTime); !timer.At.Equal(want) || timer.Clock != process.EventClock {
			t.Errorf("the window is closed at %v by clock %v, want %v by event time", timer.At, timer.Clock, want)
		}
		c := code{service: serviceScreening, rule: screening, window: closeWindow}
		if err := c.Fire(testStep{stage, func(*kgo.Record) {}}, timer); err != nil {
			t.Fatal(err)
		}
	}
	if left := stage.stores[storeWindows]; len(left) != 0 {
		t.Errorf("windows %v are left", left)
	}
}
