package client_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/evidentlog/evident/client"
	"github.com/evidentlog/evident/event"
)

type price struct{ Cents int }

func (f *fixture) put(topic, key string, cents int) client.Position {
	f.Helper()
	e := &event.Event{Type: "price", Subject: key, DataContentType: "application/json", Data: fmt.Appendf(nil, `{"Cents":%d}`, cents)}
	if cents < 0 {
		e.Data = nil
	}
	at, err := f.c.Producer().Produce(f.ctx, topic, e)
	if err != nil {
		f.Fatal(err)
	}
	return at[0]
}

func openPrices(f *fixture, opts ...client.TableOption) *client.Table[price] {
	f.Helper()
	table, err := client.OpenTable[price](f.c, "prices", append([]client.TableOption{client.Refresh(20 * time.Millisecond)}, opts...)...)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(table.Close)
	return table
}

func TestATableHasTheNewestValueOfEachKey(t *testing.T) {
	f := start(t)
	f.topic("prices", 3, "cleanup.policy", "compact")
	for i := range 30 {
		f.put("prices", fmt.Sprint("article", i%10), i)
	}
	f.put("prices", "article3", -1)
	table := openPrices(f)
	if err := table.Wait(f.ctx); err != nil {
		t.Fatal(err)
	}
	if v, ok := table.Get("article4"); !ok || v.Cents != 24 || table.Len() != 9 {
		t.Errorf("%v, %v, %d", v, ok, table.Len())
	}
	if v, ok := table.Get("article3"); ok {
		t.Errorf("removed, and there: %v", v)
	}
	sum := 0
	for _, v := range table.Range() {
		sum += v.Cents
	}
	if sum != 20+21+22+24+25+26+27+28+29 {
		t.Error(sum)
	}
	if s := table.Staleness(); s.AsOf.IsZero() || s.Behind != 0 || s.Err != nil {
		t.Errorf("%+v", s)
	}
}

func TestAProgramReadsWhatItWrote(t *testing.T) {
	f := start(t)
	f.topic("prices", 2, "cleanup.policy", "compact")
	table := openPrices(f)
	for i := range 50 {
		if err := table.WaitFor(f.ctx, f.put("prices", fmt.Sprint(i%3), i)); err != nil {
			t.Fatal(err)
		}
		if v, _ := table.Get(fmt.Sprint(i % 3)); v.Cents != i {
			t.Fatalf("%d, want %d", v.Cents, i)
		}
	}
	if err := table.WaitFor(f.ctx, client.Position{Topic: "others"}); err == nil {
		t.Error("waited for another topic")
	}
}

// A topic that is deleted and made again is read again: the old view stands, and says
// that it is old, until the new one is whole.
func TestATableFollowsATopicThatIsMadeAgain(t *testing.T) {
	f := start(t)
	f.topic("prices", 2, "cleanup.policy", "compact")
	f.put("prices", "a", 1)
	f.put("prices", "b", 2)
	table := openPrices(f)
	if err := table.Wait(f.ctx); err != nil {
		t.Fatal(err)
	}
	changes := table.Watch(f.ctx)
	if _, err := f.admin().DeleteTopic(f.ctx, "prices"); err != nil {
		t.Fatal(err)
	}
	f.await("it says what is wrong", func() bool { return table.Staleness().Err != nil })
	if v, ok := table.Get("a"); !ok || v.Cents != 1 {
		t.Errorf("the old view is gone: %v, %v", v, ok)
	}
	f.topic("prices", 1, "cleanup.policy", "compact")
	f.await("the new topic is written to", func() bool {
		_, err := f.c.Producer().Produce(f.ctx, "prices", &event.Event{Type: "price", Subject: "b", Data: []byte(`{"Cents":3}`)})
		return err == nil
	})
	if err := table.Wait(f.ctx); err != nil {
		t.Fatal(err)
	}
	if _, ok := table.Get("a"); ok || table.Len() != 1 {
		t.Errorf("%d keys", table.Len())
	}
	if v, _ := table.Get("b"); v.Cents != 3 {
		t.Error(v)
	}
	got := map[string]client.Change[price]{}
	for c := range changes {
		if got[c.Key] = c; len(got) == 2 {
			break
		}
	}
	if got["a"].There || got["b"].Value.Cents != 3 {
		t.Errorf("%+v", got)
	}
	if s := table.Staleness(); s.Err != nil || s.Behind != 0 {
		t.Errorf("%+v", s)
	}
}

// Whoever watches hears of each key that changed, and of its newest value last.
func TestChangesAreTold(t *testing.T) {
	f := start(t)
	f.topic("prices", 1, "cleanup.policy", "compact")
	table := openPrices(f)
	if err := table.Wait(f.ctx); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	changes := table.Watch(ctx)
	for i := range 100 {
		f.put("prices", fmt.Sprint(i%2), i)
	}
	if err := table.WaitFor(f.ctx, f.put("prices", "0", -1)); err != nil {
		t.Fatal(err)
	}
	last, n := map[string]client.Change[price]{}, 0
	for c := range changes {
		n++
		if last[c.Key] = c; !last["0"].There && last["1"].Value.Cents == 99 {
			break
		}
	}
	if n > 100 {
		t.Errorf("%d changes of 2 keys are more than were made", n)
	}
}

func TestAValueThatCannotBeReadIsNotThereAndSaysWhy(t *testing.T) {
	f := start(t)
	f.topic("prices", 1, "cleanup.policy", "compact")
	table := openPrices(f, client.MaxKeys(2))
	f.put("prices", "a", 1)
	at, err := f.c.Producer().Produce(f.ctx, "prices", &event.Event{Type: "price", Subject: "a", Data: []byte(`{"Cents":"many"}`)})
	if err != nil {
		t.Fatal(err)
	}
	if err := table.WaitFor(f.ctx, at[0]); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := table.Lookup("a"); ok || err == nil {
		t.Error(ok, err)
	}
	f.put("prices", "b", 1)
	f.put("prices", "c", 1)
	if err := table.Wait(f.ctx); !errors.Is(err, client.ErrTableFull) {
		t.Error(err)
	}
	if s := table.Staleness(); !errors.Is(s.Err, client.ErrTableFull) {
		t.Errorf("%+v", s)
	}
}
