package dedup

import (
	"errors"
	"fmt"
	"time"

	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/seen"
)

// Defaults of a Config.
const (
	DefaultWindow = 24 * time.Hour
	DefaultLimit  = 100_000_000
)

// maxWindow is the longest window.
const maxWindow = 10 * 365 * 24 * time.Hour

// ErrConfig is wrapped by errors about configurations.
var ErrConfig = errors.New("de-duplication")

// WithoutID is what becomes of a record that has no id.
type WithoutID string

const (
	// Pass lets it by.
	Pass WithoutID = "pass"
	// DeadLetter writes it to the dead letters.
	DeadLetter WithoutID = "deadLetter"
)

// Config says what is to be de-duplicated, and how.
type Config struct {
	// Name and Version are those of the processor. Ids that were seen are a version's
	// own: one with another key begins without any.
	Name    string
	Version int
	// Input is the topic that is read, Output that to which records go whose id was not
	// seen before.
	Input, Output string
	// From is where the input is begun.
	From process.Start
	// Key says what a record's id is. The zero value is [DefaultKey].
	Key Key
	// Window is for how long an id counts, by timestamps; 0 is [DefaultWindow].
	Window time.Duration
	// Limit is how many of the newest ids count, of all partitions together, each of
	// which has an equal share; 0 is [DefaultLimit].
	Limit int64
	// WithoutID is what becomes of records without an id; empty is [Pass].
	WithoutID WithoutID
	// Standbys is how many other nodes keep a copy of what was seen.
	Standbys int
	// Metrics counts what becomes of records; nil counts nothing.
	Metrics *Metrics
}

func (c *Config) setDefaults() {
	if c.Key.text == "" {
		c.Key, _ = ParseKey(DefaultKey) // which is one
	}
	if c.Window == 0 {
		c.Window = DefaultWindow
	}
	if c.Limit == 0 {
		c.Limit = DefaultLimit
	}
	if c.WithoutID == "" {
		c.WithoutID = Pass
	}
}

func (c *Config) validate() error {
	switch {
	case c.Window < time.Millisecond || c.Window > maxWindow:
		return fmt.Errorf("%w: the window is %v, and must be 1 ms to %v", ErrConfig, c.Window, maxWindow)
	case c.Limit < 1 || c.Limit > seen.MaxLimit:
		return fmt.Errorf("%w: the limit is %d ids, and must be 1 to %d", ErrConfig, c.Limit, seen.MaxLimit)
	case c.Input == c.Output:
		return fmt.Errorf("%w: input and output are one topic, %q: what was let by would be dropped", ErrConfig, c.Input)
	case c.WithoutID != Pass && c.WithoutID != DeadLetter:
		return fmt.Errorf("%w: what becomes of records without an id is %q, and must be %q or %q", ErrConfig, c.WithoutID, Pass, DeadLetter)
	}
	return nil
}

// New makes the processor, for the runtime. The error wraps [ErrConfig], or
// [process.ErrInvalid].
func New(cfg Config) (process.Processor, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return process.Processor{}, err
	}
	counts := cfg.Metrics.of(cfg.Name, cfg.Version)
	p := process.Processor{
		Name: cfg.Name, Version: cfg.Version, Inputs: []string{cfg.Input}, From: cfg.From,
		Stores: []process.StoreConfig{{Name: idsStore}, {Name: tailStore}}, Standbys: cfg.Standbys,
		New: func(t process.Task) process.Handler { return newHandler(&cfg, counts, t) },
	}
	return p, p.Validate()
}
