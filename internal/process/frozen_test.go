package process_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/internal/process"
)

// A version is stopped for good while one of its nodes is frozen for longer than its
// session: another version goes on from where its group has stopped. When the node comes
// back, it joins the group again, alone, and would go on beside the other version.
func TestANodeThatWasFrozenWhileItsVersionWasStoppedWritesNothing(t *testing.T) {
	virtual(t, 2, func(h *house) {
		var stopped atomic.Bool
		admit := func(context.Context) error {
			if stopped.Load() {
				return errors.New("it is not to run any more")
			}
			return nil
		}
		s := h.service(func(c *process.Config) {
			c.Client = func(opts ...kgo.Opt) (*kgo.Client, error) {
				return h.dial(append(opts, kgo.ClientID("frozen"))...)
			}
		})
		ctx, cancel := context.WithCancel(h.Context())
		done := make(chan error, 1)
		go func() { done <- s.RunAdmitted(ctx, counter("stopped"), admit) }()
		h.produce("in", numbers(0, 20)...)
		h.read("out", 20)
		hold := h.node.Inject(evidenttest.RequestFault{Client: "frozen", Do: evidenttest.Hold})
		stopped.Store(true)
		h.empty("evident-process.stopped.1")
		h.produce("in", numbers(20, 40)...)
		hold.Remove()
		h.node.Advance(time.Minute)
		h.produce("out", "end")
		h.once(h.read("out", 21), append(counts(numbers(0, 20), 1), "end"))
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// empty waits until a group has no members.
func (h *house) empty(group string) {
	h.Helper()
	for {
		found, err := kadm.NewClient(h.client).DescribeGroups(h.Context(), group)
		if err != nil {
			h.Fatal(err)
		}
		if len(found[group].Members) == 0 {
			return
		}
		h.node.Advance(time.Second)
	}
}
