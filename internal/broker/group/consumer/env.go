package consumer

import (
	"iter"
	"time"

	"github.com/evidentlog/evident/internal/broker/group/assignor"
)

// Partition is a partition of a topic.
type Partition = assignor.Partition

// TopicID is a topic's id.
type TopicID = assignor.TopicID

// Env is what a step may know of the world outside of the group.
type Env struct {
	Now    time.Time
	Topics Topics
	// SessionTimeout is how long a member of the consumer protocol may be silent
	// (consumer.session.timeout.ms).
	SessionTimeout time.Duration
	// HeartbeatInterval is how often it is told to send heartbeats
	// (consumer.heartbeat.interval.ms).
	HeartbeatInterval time.Duration
	// Matches are what regular expressions matched before the step. If it is nil,
	// the step matches all that are due; if not, those that are not there wait for
	// another, except for one that the step brings.
	Matches Matches
}

// Topics are all topics at one moment. They do not change.
type Topics interface {
	// Version grows when a topic is created, changed or deleted.
	Version() int64
	// ByName returns the id and number of partitions of a topic, and whether it exists.
	ByName(name string) (id TopicID, partitions int32, ok bool)
	// ByID returns the name of a topic, and whether it exists.
	ByID(id TopicID) (name string, ok bool)
	// Names gives all names in no order.
	Names() iter.Seq[string]
}

// Config is what all groups of a coordinator share.
type Config struct {
	// MaxSize is how many members a group may have (group.consumer.max.size).
	MaxSize int
	// ClassicMaxSize is how many a classic group may have (group.max.size). A
	// larger group does not become one.
	ClassicMaxSize int
}

// Client is who sent a request, as describing the group shows it.
type Client struct {
	ID   string // client.id
	Host string
}
