package state

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evidentlog/evident/internal/vfs"
)

// StoreConfig describes a keyed state.
type StoreConfig struct {
	// Name is what the code and readers call it, at most 127 bytes.
	Name string
	// TTL is how long a value lives after it was put, by the wall clock; 0 is for ever.
	TTL time.Duration
}

// An Entry is a key with its value: an alias, so that a store is one of process, too.
type Entry = struct{ Key, Value []byte }

// Config configures a DB.
type Config struct {
	// FS is where it is; nil is the machine's disk.
	FS vfs.FS
	// Dir is the folder, of this DB alone. It is made if there is none.
	Dir string
	// Stores are those of the processor, and what the runtime adds.
	Stores []StoreConfig
	// Memory is what all DBs of a node share; nil is a DB's own.
	Memory *Memory
	// Logger says what becomes of state; nil says nothing.
	Logger *slog.Logger
	// Metrics serves figures; nil serves none. Processor and Version are their labels.
	Metrics            prometheus.Registerer
	Processor, Version string
	// FlushAfter is the longest that what was committed stays in memory only, as long as
	// steps are committed; 0 is 30 s. After a crash, that much has to be restored.
	FlushAfter time.Duration
	// MaxRecord is how many bytes key and value of a change may have together; 0 is
	// 1,000,000, somewhat less than a topic takes by default.
	MaxRecord int
	// Reserve is how many bytes must be free on the disk for state to be written; 0 is
	// 256 MiB.
	Reserve int64
}

// maxStoreName is the longest name of a store: its length has to be less than 128.
const maxStoreName = 127

func (c *Config) setDefaults() {
	if c.FS == nil {
		c.FS = vfs.OS()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.FlushAfter == 0 {
		c.FlushAfter = 30 * time.Second
	}
	if c.MaxRecord == 0 {
		c.MaxRecord = 1_000_000
	}
	if c.Reserve == 0 {
		c.Reserve = 256 << 20
	}
}

func (c *Config) validate() error {
	if c.Dir == "" {
		return fmt.Errorf("%w: it has no folder", ErrConfig)
	}
	for i, s := range c.Stores {
		switch {
		case s.Name == "" || len(s.Name) > maxStoreName:
			return fmt.Errorf("%w: the name of store %q has %d bytes: must be 1 to %d", ErrConfig, s.Name, len(s.Name), maxStoreName)
		case s.TTL < 0:
			return fmt.Errorf("%w: the time to live of store %q is %v: must not be negative", ErrConfig, s.Name, s.TTL)
		case slices.ContainsFunc(c.Stores[:i], func(o StoreConfig) bool { return o.Name == s.Name }):
			return fmt.Errorf("%w: store %q is declared twice", ErrConfig, s.Name)
		}
	}
	return nil
}
