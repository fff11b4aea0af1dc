package demo

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func twoServices() []spec {
	return []spec{{name: "first", reads: []string{"a"}}, {name: "second", reads: []string{"a", "b"}}}
}

func TestSystemIsQuietOnlyWhenEveryServiceHandledEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		track := newTracker(twoServices())
		track.join("first")
		track.join("second")
		track.durable("a", "1", false)
		quiet := false
		go func() {
			if err := track.quiet(t.Context()); err != nil {
				t.Error(err)
			}
			quiet = true
		}()
		for _, step := range []struct {
			name string
			do   func()
			want bool
		}{
			{"first handled a", func() { track.handle("first", map[string]int{"a": 1}) }, false},
			{"b durable", func() { track.durable("b", "1", false) }, false},
			{"second handled a", func() { track.handle("second", map[string]int{"a": 1}) }, false},
			{"second handled b", func() { track.handle("second", map[string]int{"b": 1}) }, true},
		} {
			step.do()
			synctest.Wait()
			if quiet != step.want {
				t.Fatalf("after %q: quiet is %v, want %v", step.name, quiet, step.want)
			}
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	cause := errors.New("the node stopped")
	ctx, fail := context.WithCancelCause(t.Context())
	time.AfterFunc(time.Millisecond, func() { fail(cause) })
	if err := newTracker(twoServices()).joined(ctx); !errors.Is(err, cause) {
		t.Errorf("got %v, want %v", err, cause)
	}
}

func TestStallIsNoticedOnlyWhileWorkIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		track := newTracker(twoServices())
		track.join("first")
		track.join("second")
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- track.watch(ctx, time.Minute) }()
		time.Sleep(time.Hour) // nothing to do: waiting for the next order is no stall
		track.begin("1")
		track.durable("a", "1", false)
		time.Sleep(50 * time.Second)
		track.handle("first", map[string]int{"a": 1})
		time.Sleep(50 * time.Second)
		select {
		case err := <-result:
			t.Fatalf("stalled although something moved: %v", err)
		default:
		}
		track.note("second", errors.New("not allowed"))
		time.Sleep(20 * time.Second)
		var stall *StallError
		if err := <-result; !errors.As(err, &stall) {
			t.Fatalf("got %v, want a *StallError", err)
		}
		want := []string{"second has handled 0 of 1 events of a (not allowed)"}
		if stall.Open != 1 || !slices.Equal(stall.Lag, want) {
			t.Errorf("got %+v, want 1 open and %q", stall, want)
		}
		cancel()
	})
}

func TestLatencyIsFromSendingToFinalStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		track := newTracker(twoServices())
		for n := range 100 {
			order := string(rune('A' + n))
			track.begin(order)
			track.durable("a", order, false)
			time.Sleep(time.Duration(n+1) * time.Millisecond)
			track.durable("b", order, true)
			track.durable("b", order, true) // said again: counts once
		}
		if got, want := newLatency(track.latencies()), (Latency{P50: 50, P99: 99, Max: 100}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
	if got := newLatency(nil); got != (Latency{}) {
		t.Errorf("of no orders: %+v", got)
	}
}

func TestFeedWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		track := newTracker(twoServices())
		track.begin("1")
		track.begin("2")
		entered := false
		go func() {
			if err := track.room(t.Context(), 2); err != nil {
				t.Error(err)
			}
			entered = true
		}()
		synctest.Wait()
		if entered {
			t.Error("there is room for a third of two")
		}
		track.durable("b", "1", true)
		synctest.Wait()
		if !entered {
			t.Error("no room after an order was finished")
		}
	})
}

func TestOrdersArePacedBySpeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &feed{speed: 60, track: newTracker(nil)}
		start := time.Now()
		if err := f.pace(t.Context(), morning); err != nil || time.Since(start) != 0 {
			t.Errorf("the first: %v after %v", err, time.Since(start))
		}
		if err := f.pace(t.Context(), morning.Add(90*time.Minute)); err != nil || time.Since(start) != 90*time.Second {
			t.Errorf("90 minutes later at 60 times the speed: %v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := f.pace(ctx, morning.Add(24*time.Hour)); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
}
