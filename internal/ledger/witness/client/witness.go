package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/evidentlog/evident/internal/ledger/checkpoints"
	"github.com/evidentlog/evident/proof"
)

// Pauses after a failure: the first, doubled up to the longest.
const (
	firstPause   = time.Second
	longestPause = time.Minute
)

// A witness is asked by one goroutine at a time.
type witness struct {
	client  *Client
	url     string // submission prefix
	keys    []proof.PolicyWitness
	wake    chan struct{}
	metrics metrics

	// Owned by whoever asks.
	known int64 // the size that it has cosigned last, as far as we know
	done  int64 // the size of the last target that it has cosigned; -1 if none
	pause time.Duration
	wrong bool // the clock of the last cosignature was far off

	mu struct {
		sync.Mutex
		alarm error
	}
}

func newWitness(c *Client, url string) *witness {
	return &witness{client: c, url: url, wake: make(chan struct{}, 1), done: -1}
}

// add adds a key that answers at the witness's URL.
func (w *witness) add(k proof.PolicyWitness) {
	w.keys = append(w.keys, k)
	w.known = max(w.known, w.client.cfg.Log.CosignedSize(k.Key))
}

// name is what people know the witness by.
func (w *witness) name() string {
	var names []string
	for _, k := range w.keys {
		names = append(names, k.Name)
	}
	return strings.Join(names, " and ") + " at " + w.url
}

func (w *witness) notify() {
	select {
	case w.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// run asks for each target until ctx ends, and skips those that were overtaken.
func (w *witness) run(ctx context.Context) {
	for ctx.Err() == nil {
		target := w.client.target.Load()
		if target == nil || target.Size <= w.done {
			select {
			case <-ctx.Done():
			case <-w.wake:
			}
			continue
		}
		if w.pause > 0 {
			sleep(ctx, w.pause/2+rand.N(w.pause))
			target = w.client.target.Load()
		}
		_ = w.attempt(ctx, target) // it is told there, and tried again
	}
}

// sleep waits, but not longer than ctx.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// attempt asks for a target, and notes what became of it.
func (w *witness) attempt(ctx context.Context, target *checkpoints.Kept) error {
	err := w.ask(ctx, target)
	switch {
	case err == nil:
		w.done, w.pause = target.Size, 0
		w.setAlarm(nil)
		return nil
	case errors.Is(err, errOvertaken):
		w.done, w.pause = target.Size, 0
		return nil
	case errors.Is(ctx.Err(), context.Canceled):
		return err // we are leaving
	}
	w.pause = min(max(2*w.pause, firstPause), longestPause)
	if busy := new(errBusy); errors.As(err, &busy) {
		w.pause = min(max(w.pause, busy.after), longestPause)
	}
	err = fmt.Errorf("witness %s: %w", w.name(), err)
	w.failed(err)
	return err
}

// failed tells people of a failure.
func (w *witness) failed(err error) {
	w.metrics.failures.Inc()
	if errors.Is(err, ErrAlarm) {
		w.client.cfg.Logger.Error("a witness has seen another history of the ledger than this one: find out which is right before anybody relies on either", "error", err)
		w.setAlarm(err)
		return
	}
	w.client.cfg.Logger.Warn("a witness did not cosign", "error", err, "again_within", w.pause*3/2)
}

// checkClock compares the time in a cosignature, which was made just now, with
// the clock here. It counts all the same, but whoever verifies a proof with it may
// not use its time.
func (w *witness) checkClock(stamp time.Time) {
	off := stamp.Sub(w.client.cfg.Now())
	w.metrics.clock.Set(off.Seconds())
	wrong := off.Abs() > proof.ClockMargin
	if wrong && !w.wrong {
		w.client.cfg.Logger.Error("the clock of a witness is far off, or this node's is: the times in its cosignatures make nothing certain", "witness", w.name(), "off", off)
	} else if !wrong && w.wrong {
		w.client.cfg.Logger.Info("the clock of a witness is right again", "witness", w.name())
	}
	w.wrong = wrong
}

func (w *witness) setAlarm(err error) {
	w.metrics.alarm.Set(0)
	if err != nil {
		w.metrics.alarm.Set(1)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.alarm = err
}

// alarmed is why the witness refuses this history; nil if it does not.
func (w *witness) alarmed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.alarm
}
