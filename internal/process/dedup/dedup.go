package dedup

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evidentlog/evident/internal/obs"
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
	// Metrics serves figures; nil serves none.
	Metrics prometheus.Registerer
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

// A Deduplication is a processor that drops what was seen before.
type Deduplication struct {
	// Processor is the processor, for the runtime.
	Processor process.Processor

	cfg     Config
	metrics *metrics
}

// New makes one. The error wraps [ErrConfig], or [process.ErrInvalid].
func New(cfg Config) (*Deduplication, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	d := &Deduplication{cfg: cfg}
	d.Processor = process.Processor{
		Name: cfg.Name, Version: cfg.Version, Inputs: []string{cfg.Input}, From: cfg.From,
		Stores: []process.StoreConfig{{Name: idsStore}, {Name: tailStore}}, Standbys: cfg.Standbys,
		New: func(t process.Task) process.Handler { return d.handler(t) },
	}
	if err := d.Processor.Validate(); err != nil {
		return nil, err
	}
	var err error
	if d.metrics, err = newMetrics(&cfg); err != nil {
		return nil, fmt.Errorf("%w: figures of %q: %w", ErrConfig, cfg.Name, err)
	}
	return d, nil
}

// Close ends its figures, once it does not run any more.
func (d *Deduplication) Close() { d.metrics.registered.Close() }

// handler is the code for a task.
func (d *Deduplication) handler(t process.Task) *handler {
	limit := max(1, d.cfg.Limit/max(1, int64(t.Partitions)))
	return &handler{
		cfg: &d.cfg, metrics: d.metrics,
		size: seen.Config{Window: d.cfg.Window, Limit: int(limit)},
	}
}

// metrics are the figures of a de-duplication on this node. What a step has counted that
// is done again is counted again.
type metrics struct {
	passed, dropped, without, early prometheus.Counter
	registered                      *obs.Registered
}

func newMetrics(cfg *Config) (*metrics, error) {
	labels := prometheus.Labels{"processor": cfg.Name, "version": fmt.Sprint(cfg.Version)}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "evident_dedup_" + name, Help: help, ConstLabels: labels})
	}
	m := &metrics{
		passed:  counter("passed_total", "Records whose id was not seen before, and that were let by."),
		dropped: counter("dropped_total", "Records whose id was seen before, and that were dropped."),
		without: counter("without_id_total", "Records without an id, that were let by or written to the dead letters."),
		early:   counter("evicted_early_total", "Ids that were forgotten before the end of the window, since more came than the limit allows."),
	}
	var err error
	m.registered, err = obs.Register(cfg.Metrics, m.passed, m.dropped, m.without, m.early)
	return m, err
}
