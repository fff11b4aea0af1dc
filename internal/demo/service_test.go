package demo

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestEventDeliveredAgainHasNoEffect(t *testing.T) {
	_, cluster := fakeCluster(t)
	system, err := newSystem(t.Context(), cluster)
	if err != nil {
		t.Fatal(err)
	}
	defer system.close()
	if err := system.track.joined(t.Context()); err != nil {
		t.Fatal(err)
	}
	event, err := newOrder(invoiceOf("1", "17850", "22423", 4, 12750), newUndoer()).draft().event(system.run+"orders", "", morning)
	if err != nil {
		t.Fatal(err)
	}
	records := []*kgo.Record{event.record(), event.record(), {Topic: TopicOrders, Value: []byte("somebody else's")}}
	payment := system.services[0]
	for range 2 {
		if err := payment.handleAll(t.Context(), records); err != nil {
			t.Fatal(err)
		}
	}
	counts := payment.counts()
	if counts.In != 1 || counts.Repeated != 3 || counts.Foreign != 2 || counts.Out[PaymentProcessed] != 1 {
		t.Errorf("got %+v, want 1 in, 1 out, 3 repeated, 2 foreign", counts)
	}
	if got := system.rules.payment.totals.Charged; got != 51_000 {
		t.Errorf("charged %v, want £51.00 once", got)
	}
}
