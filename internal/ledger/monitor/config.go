package monitor

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evidentlog/evident/internal/ledger/remote"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// Defaults of [Config].
const (
	DefaultInterval     = 10 * time.Second
	DefaultStalledAfter = 5 * time.Minute
)

// Config says what is monitored, and how.
type Config struct {
	// Site has the log: a node's HTTP, or with RootOnly the prefix of any tiled log.
	Site *remote.Site
	// RootOnly says that the log is not a node's root log: its own history is
	// followed, and its entries mean nothing.
	RootOnly bool
	// FS and Dir are where the state is kept. Nobody else may use the folder.
	FS  vfs.FS
	Dir string
	// Keys are the root log's. Without any, and without a log in Policy, the keys
	// that the node shows first are believed, and kept.
	Keys []*proof.Verifier
	// Policy, if there is one, must be fulfilled by each checkpoint.
	Policy *proof.Policy
	// FromNow says that entries that are there when the monitor comes first are not
	// read.
	FromNow bool
	// Interval is the time between rounds; DefaultInterval if 0.
	Interval time.Duration
	// StalledAfter is how long a log may give no sign of life; DefaultStalledAfter
	// if 0.
	StalledAfter time.Duration
	// Growing says that only growth is a sign of life.
	Growing bool
	// Raise hands an alarm to whoever waits for it. An alarm is raised at least
	// once, and again if the monitor ended before it knew that it was.
	Raise func(context.Context, Event) error
	// Notice is for what a person should read at the start; nil if nobody does.
	Notice  func(string)
	Logger  *slog.Logger
	Metrics prometheus.Registerer // nil for none
	// Now is the monitor's clock; time.Now if nil.
	Now func() time.Time
}

func (c *Config) setDefaults() {
	if c.Interval == 0 {
		c.Interval = DefaultInterval
	}
	if c.StalledAfter == 0 {
		c.StalledAfter = DefaultStalledAfter
	}
	if c.Notice == nil {
		c.Notice = func(string) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}
