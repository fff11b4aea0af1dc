package group

import (
	"cmp"
	"log/slog"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/broker/group/consumer"
	"github.com/evidentlog/evident/internal/broker/group/share"
	"github.com/evidentlog/evident/internal/broker/groupconfig"
	"github.com/evidentlog/evident/internal/broker/statetopic"
	"github.com/evidentlog/evident/internal/log/batch"
)

// Config configures a [Coordinator]. Store and Topics are required. Each
// comment names the Kafka broker property.
type Config struct {
	Store  Store
	Topics Topics
	// Logger receives what an operator should know. Default: discard.
	Logger *slog.Logger

	// InitialRebalanceDelay is how long a group that starts up waits for more
	// members (group.initial.rebalance.delay.ms). 0: not at all.
	InitialRebalanceDelay time.Duration
	// ImmediateGroups are groups that do not wait so; a name that ends with * stands
	// for all that begin like it.
	ImmediateGroups []string
	// MinSessionTimeout is the shortest session timeout that a member may ask
	// for (group.min.session.timeout.ms). Default: 6 s.
	MinSessionTimeout time.Duration
	// MaxSessionTimeout is the longest (group.max.session.timeout.ms). Default: 30 min.
	MaxSessionTimeout time.Duration
	// MaxSize is how many members a classic group may have (group.max.size). Default: no limit.
	MaxSize int
	// ConsumerMaxSize is how many a group of the consumer protocol may have
	// (group.consumer.max.size). Default: no limit.
	ConsumerMaxSize int
	// ShareMaxSize is how many a share group may have (group.share.max.size).
	// Default: 200.
	ShareMaxSize int
	// Queues keeps what share groups know of records. Default: none, and heartbeats
	// of share groups are refused.
	Queues Queues
	// Settings returns what a group's properties mean. It must not wait.
	// Default: the defaults of them all.
	Settings func(group string) groupconfig.Settings
	// MaxOffsetMetadata is how many bytes of metadata a committed offset may
	// carry (offset.metadata.max.bytes). Default: 4096.
	MaxOffsetMetadata int
	// OffsetsRetention is how long offsets are kept once their group is empty
	// or has no interest in the topic (offsets.retention.minutes). Default: 7 days.
	OffsetsRetention time.Duration
	// RetentionInterval is how often that is checked
	// (offsets.retention.check.interval.ms). Default: 10 min.
	RetentionInterval time.Duration
}

// maxProtocols is how many ways of assigning partitions a member may know: each is
// compared with those of all others. Clients have up to five.
const maxProtocols = 100

// newMemberTimeout is how long a JoinGroup of a member that does not know its
// id yet may wait (Kafka: a constant of the coordinator).
const newMemberTimeout = 5 * time.Minute

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.MinSessionTimeout = cmp.Or(c.MinSessionTimeout, 6*time.Second)
	c.MaxSessionTimeout = cmp.Or(c.MaxSessionTimeout, 30*time.Minute)
	c.MaxSize = cmp.Or(c.MaxSize, math.MaxInt)
	c.ConsumerMaxSize = cmp.Or(c.ConsumerMaxSize, math.MaxInt)
	c.ShareMaxSize = cmp.Or(c.ShareMaxSize, 200)
	if c.Settings == nil {
		defaults, _ := groupconfig.Of(nil, nil) // defaults are valid
		c.Settings = func(string) groupconfig.Settings { return defaults }
	}
	c.MaxOffsetMetadata = cmp.Or(c.MaxOffsetMetadata, 4096)
	c.OffsetsRetention = cmp.Or(c.OffsetsRetention, 7*24*time.Hour)
	c.RetentionInterval = cmp.Or(c.RetentionInterval, 10*time.Minute)
	return c
}

// ClientInfo says who sent a request.
type ClientInfo struct {
	ID   string // client.id
	Host string // as DescribeGroups shows it; Kafka writes "/10.0.0.1"
}

// Store is the topic __consumer_offsets.
type Store interface {
	statetopic.Store
	// AppendTransactional is Append for a batch that belongs to a transaction, if
	// the transaction is still going on: admit is asked last, with the partition's
	// lock held. Its error is given to done.
	AppendTransactional(partition int32, batch []byte, admit func() *kerr.Error, done func(error))
	// AppendMarker ends a transaction. It may wait for the partition; done is as
	// for Append.
	AppendMarker(partition int32, m batch.Marker, done func(error))
}

// Queues keeps what share groups know of records: from where on they get them in
// each partition, and which are locked. Its methods may be called concurrently. They
// do not wait for the disk; done is called once, from any goroutine and perhaps
// before the method returns. They are never called with a lock of this package held.
type Queues interface {
	// Begin lets a group begin with partitions, unless it has. done is called when
	// that is durable.
	Begin(group string, list []share.Beginning, done func(error))
	// Left tells that somebody is not a member any more.
	Left(group, member string, orderly bool)
	// Position calls done with the offset of the first record that a group has not
	// finished, and how many there are from there on that it has not (KIP-1226). Both
	// are -1 if the group has not begun with the partition; the second if it is not
	// known.
	Position(group string, topic [16]byte, partition int32, done func(start, lag int64, err error))
	// SetPosition lets a group begin anew at an offset.
	SetPosition(group string, topic [16]byte, partition int32, offset int64, done func(error))
	// Delete removes all that a group has of some topics, or of all if topics is nil.
	Delete(group string, topics [][16]byte, done func(error))
}

// Topics is what the coordinator needs to know of topics. It must know all of
// them by the time that Run is called: offsets of topics that it does not know
// are removed. Except for Image, which must not wait, it is never called with a
// lock of this package held.
type Topics interface {
	// Image returns all topics as they are now.
	Image() consumer.Topics
	// TopicByName returns the id and number of partitions of a topic, and
	// whether it exists.
	TopicByName(name string) (id [16]byte, partitions int32, ok bool)
	// TopicByID returns the name and number of partitions, and whether the topic exists.
	TopicByID(id [16]byte) (name string, partitions int32, ok bool)
}
