package client

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// What a handler may ask of its context is as if it had been made with the deadline.
func TestAHandlersContextIsOneWithADeadline(t *testing.T) {
	given := errors.New("given away")
	for name, c := range map[string]struct {
		act         func(end func(), give context.CancelCauseFunc)
		err, reason error
	}{
		"in time":    {func(func(), context.CancelCauseFunc) {}, nil, nil},
		"late":       {func(func(), context.CancelCauseFunc) { time.Sleep(time.Minute) }, context.DeadlineExceeded, ErrDeadline},
		"returned":   {func(end func(), _ context.CancelCauseFunc) { end() }, context.Canceled, context.Canceled},
		"given away": {func(_ func(), give context.CancelCauseFunc) { give(given) }, context.Canceled, given},
	} {
		for _, early := range []bool{true, false} { // asked before it happens, or after
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					type key struct{}
					parent, give := context.WithCancelCause(context.WithValue(t.Context(), key{}, "v"))
					defer give(nil)
					var d deadline
					d.begin(parent, time.Minute)
					at := time.Now().Add(time.Minute)
					defer d.end()
					var derived context.Context = &d
					if early {
						var cancel context.CancelFunc
						derived, cancel = context.WithCancel(&d)
						defer cancel()
					}
					c.act(d.end, give)
					synctest.Wait()
					if err := derived.Err(); err != c.err {
						t.Errorf("it has ended with %v, want %v", err, c.err)
					}
					if err := context.Cause(derived); err != c.reason {
						t.Errorf("the cause is %v, want %v", err, c.reason)
					}
					select {
					case <-derived.Done():
						if c.err == nil {
							t.Error("it is done")
						}
					default:
						if c.err != nil {
							t.Error("it is not done")
						}
					}
					if until, ok := derived.Deadline(); !ok || !until.Equal(at) || derived.Value(key{}) != "v" {
						t.Errorf("its deadline is %v, want %v; its value %v", until, at, derived.Value(key{}))
					}
				})
			})
		}
	}
}

// A worker's timer is that of its first call, and looks after those that follow.
func TestATimekeeperFindsTheCallThatIsLateAndNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newTimekeeper()
		defer k.timer.Stop()
		begin := func() {
			c := &call{}
			c.deadline.begin(t.Context(), time.Minute)
			k.begin(c)
		}
		state := func() (under, set bool) {
			k.mu.Lock()
			defer k.mu.Unlock()
			return k.mu.call != nil, k.mu.set
		}
		begin()
		time.Sleep(50 * time.Second)
		k.end()
		begin()
		time.Sleep(30 * time.Second) // the timer has fired for the first one
		synctest.Wait()
		if under, set := state(); !under || !set {
			t.Fatal("the call under way is not looked after")
		}
		k.end()
		time.Sleep(time.Hour)
		if _, set := state(); set {
			t.Error("a timer is set though nothing is under way")
		}
	})
}
