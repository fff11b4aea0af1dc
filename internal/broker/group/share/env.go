package share

import (
	"time"

	"github.com/evidentlog/evident/internal/broker/group/assignor"
	"github.com/evidentlog/evident/internal/broker/group/consumer"
)

// ProtocolType is what the members of all these groups call themselves, and the
// name of the groups' type.
const ProtocolType = "share"

// TopicID is a topic's id.
type TopicID = assignor.TopicID

// Env is what a step may know of the world outside of the group.
type Env struct {
	Now    time.Time
	Topics consumer.Topics
	// SessionTimeout is how long a member may be silent (share.session.timeout.ms).
	SessionTimeout time.Duration
	// HeartbeatInterval is how often it is told to send heartbeats
	// (share.heartbeat.interval.ms).
	HeartbeatInterval time.Duration
}

// Config is what all groups of a coordinator share.
type Config struct {
	// MaxSize is how many members a group may have (group.share.max.size).
	MaxSize int
}

// Beginning is partitions of a topic from which a group begins to get records.
type Beginning struct {
	Topic TopicID
	// First is the first of the partitions; there are Count.
	First, Count int32
	// Grown says that the group has begun with the topic before, and the
	// partitions are new.
	Grown bool
}

// Departure is of a member that is not one any more.
type Departure struct {
	Member string
	// Orderly says that it left by itself; else it was silent for too long.
	Orderly bool
}
