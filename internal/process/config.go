package process

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process/group"
	"github.com/evidentlog/evident/internal/process/state"
	"github.com/evidentlog/evident/internal/vfs"
)

// ErrInvalid is wrapped by errors about processors, and configurations, that cannot be.
var ErrInvalid = errors.New("invalid processor")

// Config is what processors run with on a node.
type Config struct {
	// Client makes clients of the cluster. It must be set.
	Client func(opts ...kgo.Opt) (*kgo.Client, error)
	// ReplicationFactor is how many replicas changelogs and dead-letter topics have; 0
	// leaves it to the cluster.
	ReplicationFactor int16
	// FS and Dir are where state is kept; a nil FS is the machine's disk.
	FS  vfs.FS
	Dir string
	// Instance is the node's name, the same after a restart; no two nodes have one. It
	// must be set.
	Instance string
	// Address is the base URL under which the node is reached; empty if it is not.
	Address string
	// Prober asks whether other nodes live, for all processors; nil: nobody is put out
	// of a group before its session ends.
	Prober *group.Prober
	// Memory is what the state of all processors may take, and the caller's to close; nil
	// is state's default for each of them.
	Memory *state.Memory
	// Workers is how many workers each processor has; 0 is one a core.
	Workers int
	// Buffer is about how many bytes of input wait for a processor's tasks at most; 0 is
	// 12 MiB.
	Buffer int
	// Logger receives what an operator should know; nil says nothing.
	Logger *slog.Logger
	// Metrics serves figures; nil serves none.
	Metrics prometheus.Registerer
	// Now is the wall clock; nil is the machine's.
	Now func() time.Time
}

const defaultBuffer = 12 << 20

func (c *Config) setDefaults() error {
	switch {
	case c.Client == nil:
		return fmt.Errorf("%w: the configuration has no Client", ErrInvalid)
	case c.Instance == "":
		return fmt.Errorf("%w: the configuration has no Instance", ErrInvalid)
	}
	if c.ReplicationFactor == 0 {
		c.ReplicationFactor = -1
	}
	if c.FS == nil {
		c.FS = vfs.OS()
	}
	if c.Workers <= 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.Buffer <= 0 {
		c.Buffer = defaultBuffer
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return nil
}
