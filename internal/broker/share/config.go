package share

import (
	"cmp"
	"errors"
	"log/slog"

	"github.com/evidentlog/evident/internal/broker/groupconfig"
	"github.com/evidentlog/evident/internal/broker/statetopic"
	"github.com/evidentlog/evident/internal/log"
)

// Config configures a [Coordinator]. Store, Topics and DeadLetters are required.
type Config struct {
	// Store is the topic __share_group_state.
	Store  statetopic.Store
	Topics Topics
	// DeadLetters writes dead letters.
	DeadLetters DeadLetters
	// Settings returns what a group's properties mean. It must not wait. Default:
	// the defaults of them all.
	Settings func(group string) groupconfig.Settings
	// Logger receives what an operator should know. Default: discard.
	Logger *slog.Logger
	// Sessions is how many share sessions there may be at a time
	// (group.share.max.share.sessions). Default: 2000.
	Sessions int
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Settings == nil {
		defaults, _ := groupconfig.Of(nil, nil) // defaults are valid
		c.Settings = func(string) groupconfig.Settings { return defaults }
	}
	c.Sessions = cmp.Or(c.Sessions, 2000)
	return c
}

// Topics tells of topics as they are now. It must not wait.
type Topics interface {
	// Topic returns the topic with the id, and whether there is one.
	Topic(id [16]byte) (Topic, bool)
}

// Topic is what is needed to know of a topic.
type Topic struct {
	Name       string
	Partitions []*log.Partition // by number
	// ByKey has records with the same key delivered one after the other
	// (evident.queue.order=key).
	ByKey bool
	// PriorityHeader names the header that has a record's priority, if it is not
	// empty (evident.queue.priority.header).
	PriorityHeader string
}

func (t *Topic) partition(n int32) *log.Partition {
	if n < 0 || int(n) >= len(t.Partitions) {
		return nil
	}
	return t.Partitions[n]
}

// DeadLetter is about records of one partition that a group has given up
// (KIP-1191).
type DeadLetter struct {
	Group       string
	Topic       [16]byte
	Partition   int32
	First, Last int64
	Deliveries  int16
	Rejected    bool // by a member; else the delivery count ran out
}

// ErrNoDeadLetters is wrapped by the errors of DeadLetters that will not go away
// by themselves: the group's settings or the topic do not allow it.
var ErrNoDeadLetters = errors.New("dead letters cannot be written")

// DeadLetters writes dead letters.
type DeadLetters interface {
	// Write writes one for each record, where the group's settings say. It does not
	// wait: done is called once, from another goroutine, when those up to offset
	// last are durable, which need not be all, or when they cannot be written.
	Write(l DeadLetter, done func(last int64, err error))
}
