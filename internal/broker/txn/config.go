package txn

import (
	"cmp"
	"errors"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/broker/statetopic"
	"github.com/evidentlog/evident/internal/broker/txn/transaction"
	"github.com/evidentlog/evident/internal/log/batch"
)

// Config configures a [Coordinator]. Store, Log, ProducerID and Go are required.
// Comments name the matching Kafka broker property.
type Config struct {
	// Store is the topic __transaction_state.
	Store statetopic.Store
	// Log is where markers go.
	Log Log
	// ProducerID hands out a producer id, never given out before. It may wait for
	// the disk.
	ProducerID func() (int64, error)
	// Go runs f in a goroutine that the caller waits for after Run has ended. It
	// returns false, and does nothing, once that has begun.
	Go func(f func()) bool
	// Logger receives what an operator should know. Default: discard.
	Logger *slog.Logger

	// MaxTimeout is the longest transaction that a producer may ask for
	// (transaction.max.timeout.ms). Default: 15 min.
	MaxTimeout time.Duration
	// Expiration is how long an id that is not used is remembered
	// (transactional.id.expiration.ms). Default: 7 days.
	Expiration time.Duration
	// CheckInterval is how often transactions are looked through for those that
	// took too long (transaction.abort.timed.out.transaction.cleanup.interval.ms),
	// and for what failed and is to be tried again. Default: 1 s.
	CheckInterval time.Duration
	// ExpireInterval is how often ids are looked through for those that expired
	// (transaction.remove.expired.transaction.cleanup.interval.ms). Default: 1 h.
	ExpireInterval time.Duration
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.MaxTimeout = cmp.Or(c.MaxTimeout, 15*time.Minute)
	c.Expiration = cmp.Or(c.Expiration, 7*24*time.Hour)
	c.CheckInterval = cmp.Or(c.CheckInterval, time.Second)
	c.ExpireInterval = cmp.Or(c.ExpireInterval, time.Hour)
	return c
}

// ErrGone is wrapped by the errors of a Log for a partition that does not exist,
// or not any more.
var ErrGone = errors.New("partition is gone")

// ErrFenced is wrapped by the errors of a Log for a marker that came too late: a
// later epoch of the producer has written to the partition.
var ErrFenced = errors.New("marker is fenced")

// Log is the partitions of all topics, by name.
type Log interface {
	// Open lists the transactions that the partitions hold open.
	Open() []transaction.Open
	// Check returns why clients cannot write to a partition, or nil.
	Check(transaction.Partition) *kerr.Error
	// AppendMarker appends a marker. It may wait for the partition, but not for
	// the disk. done is called once, from any goroutine and perhaps before
	// AppendMarker returns, when the marker is durable or has not been written; it
	// must not wait.
	AppendMarker(to transaction.Partition, m batch.Marker, done func(error))
}
