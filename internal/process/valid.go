package process

import (
	"fmt"
	"strings"
	"time"

	"github.com/evidentlog/evident/internal/process/group"
	"github.com/evidentlog/evident/internal/process/timer"
)

// Validate says what is wrong with a processor, wrapping [ErrInvalid].
func (p *Processor) Validate() error {
	if err := checkName("processor", p.Name, 100); err != nil {
		return err
	}
	switch {
	case p.Version < 1:
		return fmt.Errorf("%w: version %d of %q: want 1 or more", ErrInvalid, p.Version, p.Name)
	case len(p.Inputs) == 0:
		return fmt.Errorf("%w: %q has no inputs", ErrInvalid, p.Name)
	case p.New == nil:
		return fmt.Errorf("%w: %q has no code: New is nil", ErrInvalid, p.Name)
	case p.Concurrency < 0 || p.Concurrency > maxConcurrency:
		return fmt.Errorf("%w: concurrency %d of %q: want 0 to %d", ErrInvalid, p.Concurrency, p.Name, maxConcurrency)
	case p.Concurrency > 1 && p.stateful():
		return fmt.Errorf("%w: concurrency %d of %q: a processor with stores or timers handles one record of a task at a time", ErrInvalid, p.Concurrency, p.Name)
	case p.Lateness < 0 || p.Standbys < 0:
		return fmt.Errorf("%w: lateness %v and standbys %d of %q: want 0 or more", ErrInvalid, p.Lateness, p.Standbys, p.Name)
	case p.Policy.Attempts < 0 || p.Policy.Backoff < 0 || p.Policy.MaxBackoff < 0 || p.Policy.Deadline < 0:
		return fmt.Errorf("%w: policy %+v of %q: want nothing below 0", ErrInvalid, p.Policy, p.Name)
	}
	for i, in := range p.Inputs {
		if in == "" || contains(p.Inputs[:i], in) {
			return fmt.Errorf("%w: input %q of %q is empty, or there twice", ErrInvalid, in, p.Name)
		}
		if in == p.deadLetters() {
			return fmt.Errorf("%w: input %q of %q is its dead-letter topic: what failed would come back for ever", ErrInvalid, in, p.Name)
		}
	}
	return p.validateStores()
}

// maxConcurrency is the most goroutines that one task may keep busy.
const maxConcurrency = 1024

func (p *Processor) validateStores() error {
	seen := map[string]bool{}
	for _, s := range p.Stores {
		if err := checkName("store", s.Name, 100); err != nil {
			return fmt.Errorf("%w, of processor %q", err, p.Name)
		}
		if s.TTL < 0 {
			return fmt.Errorf("%w: time to live %v of store %q of %q: want 0 or more", ErrInvalid, s.TTL, s.Name, p.Name)
		}
		if seen[s.Name] {
			return fmt.Errorf("%w: store %q of %q is there twice", ErrInvalid, s.Name, p.Name)
		}
		seen[s.Name] = true
	}
	return nil
}

func contains(all []string, one string) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}

// checkName says what is wrong with a name that goes into topics and URLs.
func checkName(what, name string, most int) error {
	if name == "" || len(name) > most || name == "." || name == ".." {
		return fmt.Errorf("%w: name %q of a %s: want 1 to %d characters", ErrInvalid, name, what, most)
	}
	for _, c := range name {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", c) {
			return fmt.Errorf("%w: name %q of a %s has %q: want letters, digits, '.', '_' and '-'", ErrInvalid, name, what, c)
		}
	}
	return nil
}

// stateful tells whether tasks have state, and so a changelog.
func (p *Processor) stateful() bool { return len(p.Stores) > 0 || p.Timers }

// stores are those of the code, and that of the timers.
func (p *Processor) stores() []StoreConfig {
	return append([]StoreConfig{{Name: timer.StoreName}}, p.Stores...)
}

// deadLetters is the topic for records that were given up.
func (p *Processor) deadLetters() string {
	if p.DeadLetters != "" {
		return p.DeadLetters
	}
	return "dlq." + p.Name
}

// groupName is the consumer group of the processor's version.
func (p *Processor) groupName() string { return group.Name(p.Name, p.Version) }

// GroupName is the consumer group of a processor's version.
func GroupName(p Processor) string { return p.groupName() }

// changelog is the topic from which state is made again.
func (p *Processor) changelog() string { return p.groupName() + ".changelog" }

// withDefaults is the policy with what is not set.
func (p Policy) withDefaults() Policy {
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
	return p
}

// backoff is how long to wait after so many failed attempts.
func (p Policy) backoff(failed int) time.Duration {
	wait := p.Backoff
	for range failed - 1 {
		if wait >= p.MaxBackoff/2 {
			return p.MaxBackoff
		}
		wait *= 2
	}
	return min(wait, p.MaxBackoff)
}

// declares tells whether there is a store of a name.
func (p *Processor) declares(store string) bool {
	for _, s := range p.Stores {
		if s.Name == store {
			return true
		}
	}
	return false
}
