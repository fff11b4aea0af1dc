package client

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// A Policy is what happens with an event on which a handler fails. The zero value of a
// field is its default.
type Policy struct {
	// Attempts is how often an event is tried before it is given up; 0 is 3.
	Attempts int
	// Backoff bounds the pause before the second attempt, and twice, four times … as
	// much the later ones; 0 is 100 ms. Pauses are drawn from nothing up to the bound
	// (full jitter), so that those who failed together do not come back together.
	// Events of other keys are handled meanwhile.
	Backoff time.Duration
	// MaxBackoff bounds all pauses; 0 is 10 s.
	MaxBackoff time.Duration
	// Deadline is how long an attempt may take; 0 is 30 s. A handler that has not
	// returned a second after its context ended is left behind, and has failed.
	Deadline time.Duration
}

func (p *Policy) setDefaults() {
	if p.Attempts == 0 {
		p.Attempts = 3
	}
	if p.Backoff == 0 {
		p.Backoff = 100 * time.Millisecond
	}
	if p.MaxBackoff == 0 {
		p.MaxBackoff = 10 * time.Second
	}
	if p.Deadline == 0 {
		p.Deadline = 30 * time.Second
	}
}

func (p *Policy) validate() error {
	if p.Attempts < 1 || p.Backoff < 0 || p.MaxBackoff < 0 || p.Deadline < 0 {
		return fmt.Errorf("policy %+v: want at least 1 attempt, and no negative durations", *p)
	}
	return nil
}

// pause draws the pause after so many attempts, at least one.
func (p *Policy) pause(attempts int) time.Duration {
	bound := p.MaxBackoff
	if shift := attempts - 1; shift < 32 && p.Backoff<<shift < bound && p.Backoff<<shift>>shift == p.Backoff {
		bound = p.Backoff << shift
	}
	return rand.N(bound + 1)
}
