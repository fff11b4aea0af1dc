package client

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/evidentlog/evident/proof"
)

const (
	// firstAnswer is how long a start waits for a witness.
	firstAnswer = 10 * time.Second
	// askAgain is after how long those that were silent are asked again, when
	// others have raised an alarm.
	askAgain = time.Second
)

// A stance is what a witness has said at the start.
type stance struct {
	agrees bool  // it has cosigned the newest checkpoint
	alarm  error // it has seen another history
}

func (s *stance) silent() bool { return !s.agrees && s.alarm == nil }

// Ask asks the witnesses for the newest checkpoint, before anything more is
// signed. The error is an ErrAlarm if as many of them as make the policy's quorum
// have seen another history, and no quorum has cosigned this one: what a witness
// says of another history is signed by nobody, so one alone stops nothing, unless
// the policy says that one is enough. If some raise the alarm, and neither side has
// a quorum, those that are silent are asked again until ctx ends. Run asks all of
// them again later.
func (c *Client) Ask(ctx context.Context) error {
	if err := c.aim(); err != nil {
		return err
	}
	said := make([]stance, len(c.witnesses))
	for {
		c.askSilent(ctx, said)
		if decided, err := c.decide(said); decided || ctx.Err() != nil {
			return err
		}
		sleep(ctx, askAgain)
	}
}

// decide tells whether nobody need be asked again, and why the log must not go on.
func (c *Client) decide(said []stance) (decided bool, refused error) {
	var agree, against []*proof.Verifier
	var alarms []error
	silent := false
	for i, w := range c.witnesses {
		silent = silent || said[i].silent()
		alarms = append(alarms, said[i].alarm)
		for _, k := range w.keys {
			if said[i].agrees {
				agree = append(agree, k.Key)
			} else if said[i].alarm != nil {
				against = append(against, k.Key)
			}
		}
	}
	switch {
	case len(against) == 0, c.cfg.Policy.Fulfilled(agree):
		return true, nil
	case c.cfg.Policy.Fulfilled(against):
		return true, errors.Join(alarms...)
	}
	return !silent, nil
}

// askSilent asks each witness, side by side, that has said nothing yet.
func (c *Client) askSilent(ctx context.Context, said []stance) {
	ctx, cancel := context.WithTimeout(ctx, firstAnswer)
	defer cancel()
	var asked sync.WaitGroup
	for i, w := range c.witnesses {
		if !said[i].silent() {
			continue
		}
		asked.Go(func() {
			err := w.attempt(ctx, c.target.Load())
			w.pause = min(w.pause, firstPause) // Run asks it again soon
			said[i].agrees = err == nil
			if errors.Is(err, ErrAlarm) {
				said[i].alarm = err
			}
		})
	}
	asked.Wait()
}
