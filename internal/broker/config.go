package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evidentlog/evident/internal/auth"
	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/log"
)

// Config configures a [Broker]. Log is required. Comments name the matching
// Kafka broker property.
type Config struct {
	// Log keeps all records. The broker opens its partitions and starts it; the
	// caller opened it and closes it after the broker.
	Log *log.Log
	// Logger receives what an operator should know. Default: discard.
	Logger *slog.Logger
	// Metrics receives the broker's collectors, evident_broker_*. Default: none.
	Metrics prometheus.Registerer
	// Now is the clock of record timestamps and latencies. Default: time.Now.
	Now func() time.Time

	// Pace tells how long who has appended to a partition is to wait before its
	// connection is heard again, or why nothing can be appended to it now, which
	// clients are told to try again later (NOT_ENOUGH_REPLICAS). Default (nil): no
	// time at all.
	Pace func(log.ID) (time.Duration, error)

	// NodeID is the broker's id (node.id).
	NodeID int32
	// AutoCreateTopics lets a Metadata request create the topics that it asks
	// for (auto.create.topics.enable).
	AutoCreateTopics bool
	// DefaultPartitions is how many partitions a topic gets that asks for none
	// in particular (num.partitions). Default: 1.
	DefaultPartitions int
	// TopicDefaults are topic properties ("retention.ms") that apply where a
	// topic has none of its own.
	TopicDefaults map[string]string
	// OffsetsPartitions is how many partitions __consumer_offsets is created
	// with (offsets.topic.num.partitions). Default: 50.
	OffsetsPartitions int
	// TransactionsPartitions is how many partitions __transaction_state is created
	// with (transaction.state.log.num.partitions). Default: 50.
	TransactionsPartitions int
	// TransactionMaxTimeout is the longest transaction that a producer may ask for
	// (transaction.max.timeout.ms). Default: 15 minutes.
	TransactionMaxTimeout time.Duration
	// TransactionalIDExpiration is how long a transactional id that is not used is
	// remembered (transactional.id.expiration.ms). Default: 7 days.
	TransactionalIDExpiration time.Duration
	// GroupInitialRebalanceDelay is how long a new consumer group waits for
	// more members (group.initial.rebalance.delay.ms). 0: not at all.
	GroupInitialRebalanceDelay time.Duration
	// ImmediateGroups are the groups that do not wait so, those of the node itself; a
	// name that ends with * stands for all that begin like it.
	ImmediateGroups []string

	// ConsumerHeartbeat is how often members of consumer groups (KIP-848) are to
	// send heartbeats (group.consumer.heartbeat.interval.ms), where the group
	// has no interval of its own. Default: 5 s.
	ConsumerHeartbeat time.Duration
	// ConsumerSession is how long they may be silent
	// (group.consumer.session.timeout.ms), likewise. Default: 45 s.
	ConsumerSession time.Duration
	// ConsumerMaxSize is how many members a consumer group may have
	// (group.consumer.max.size). 0: any number.
	ConsumerMaxSize int

	// ShareStatePartitions is how many partitions __share_group_state is created
	// with (share.coordinator.state.topic.num.partitions). Default: 50.
	ShareStatePartitions int
	// ShareMaxSize is how many members a share group may have
	// (group.share.max.size). Default: 200.
	ShareMaxSize int
	// ShareSessions is how many share sessions there may be
	// (group.share.max.share.sessions). Default: 2000.
	ShareSessions int
	// DeadLetterPrefix is what names of dead-letter topics must begin with
	// (errors.deadletterqueue.topic.name.prefix). Default (nil): "dlq.".
	DeadLetterPrefix *string
	// DeadLetterCreate lets the broker create dead-letter topics that share groups
	// name (errors.deadletterqueue.auto.create.topics.enable).
	DeadLetterCreate bool

	// MaxRequestBytes is the largest request accepted
	// (socket.request.max.bytes). Default: 100 MiB.
	MaxRequestBytes int
	// QueuedRequestBytes bounds the memory of requests being read or worked on,
	// over all connections (queued.max.request.bytes). One request may exceed
	// it. Default: 256 MiB.
	QueuedRequestBytes int64
	// IdleTimeout is how long a connection may go without a request
	// (connections.max.idle.ms). Default: 10 minutes.
	IdleTimeout time.Duration
	// StallTimeout is how long a client may take to send or to receive the next
	// 1 MiB, or what is left, of a message that has been begun. Default: 30 s.
	StallTimeout time.Duration
	// AuthenticationTimeout is how long a client may take to prove who it is.
	// Default: 30 s.
	AuthenticationTimeout time.Duration
	// FailedAuthenticationDelay is how long a client that failed to waits for its
	// answer (connection.failed.authentication.delay.ms). Default: 100 ms;
	// negative: not at all.
	FailedAuthenticationDelay time.Duration
	// ConnectionsMaxReauth is how long an authentication is good for, by SASL
	// (connections.max.reauth.ms). 0: for as long as the connection.
	ConnectionsMaxReauth time.Duration
	// FetchMaxBytes bounds a Fetch response whatever the client asks for, but for its
	// first batch (fetch.max.bytes). Default: 55 MiB.
	FetchMaxBytes int
	// FetchSessions is how many fetch sessions are remembered
	// (max.incremental.fetch.session.cache.slots). Default: 1000.
	FetchSessions int

	// QuotaWindows and QuotaWindow are how many windows the use of quotas is
	// measured over, 2 or more, and how long each is (quota.window.num,
	// quota.window.size.seconds). Defaults: 11 and 1 s.
	QuotaWindows int
	QuotaWindow  time.Duration
}

// defaultDeadLetterPrefix is Kafka's (KIP-1191).
const defaultDeadLetterPrefix = "dlq."

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Pace == nil {
		c.Pace = func(log.ID) (time.Duration, error) { return 0, nil }
	}
	c.DefaultPartitions = cmp.Or(c.DefaultPartitions, 1)
	c.OffsetsPartitions = cmp.Or(c.OffsetsPartitions, 50)
	c.ConsumerHeartbeat = cmp.Or(c.ConsumerHeartbeat, 5*time.Second)
	c.ConsumerSession = cmp.Or(c.ConsumerSession, 45*time.Second)
	c.TransactionsPartitions = cmp.Or(c.TransactionsPartitions, 50)
	c.ShareStatePartitions = cmp.Or(c.ShareStatePartitions, 50)
	c.ShareMaxSize = cmp.Or(c.ShareMaxSize, 200)
	c.ShareSessions = cmp.Or(c.ShareSessions, 2000)
	if c.DeadLetterPrefix == nil {
		c.DeadLetterPrefix = new(defaultDeadLetterPrefix)
	}
	c.TransactionMaxTimeout = cmp.Or(c.TransactionMaxTimeout, 15*time.Minute)
	c.TransactionalIDExpiration = cmp.Or(c.TransactionalIDExpiration, 7*24*time.Hour)
	c.MaxRequestBytes = cmp.Or(c.MaxRequestBytes, 100<<20)
	c.QueuedRequestBytes = cmp.Or(c.QueuedRequestBytes, 256<<20)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, 10*time.Minute)
	c.StallTimeout = cmp.Or(c.StallTimeout, 30*time.Second)
	c.AuthenticationTimeout = cmp.Or(c.AuthenticationTimeout, 30*time.Second)
	c.FailedAuthenticationDelay = cmp.Or(c.FailedAuthenticationDelay, 100*time.Millisecond)
	c.FetchMaxBytes = cmp.Or(c.FetchMaxBytes, 55<<20)
	c.FetchSessions = cmp.Or(c.FetchSessions, 1000)
	c.QuotaWindows = cmp.Or(c.QuotaWindows, 11)
	c.QuotaWindow = cmp.Or(c.QuotaWindow, time.Second)
	return c
}

func (c *Config) validate() error {
	if c.Log == nil {
		return errors.New("broker needs a log")
	}
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"default partitions", int64(c.DefaultPartitions)},
		{"partitions of __consumer_offsets", int64(c.OffsetsPartitions)},
		{"heartbeat interval of consumer groups", int64(c.ConsumerHeartbeat)},
		{"session timeout of consumer groups", int64(c.ConsumerSession)},
		{"partitions of __transaction_state", int64(c.TransactionsPartitions)},
		{"longest transaction", int64(c.TransactionMaxTimeout)},
		{"time that transactional ids are remembered", int64(c.TransactionalIDExpiration)},
		{"partitions of __share_group_state", int64(c.ShareStatePartitions)},
		{"members of a share group", int64(c.ShareMaxSize)},
		{"share sessions", int64(c.ShareSessions)},
		{"largest request in bytes", int64(c.MaxRequestBytes)},
		{"queued request bytes", c.QueuedRequestBytes},
		{"idle timeout", int64(c.IdleTimeout)},
		{"stall timeout", int64(c.StallTimeout)},
		{"authentication timeout", int64(c.AuthenticationTimeout)},
		{"largest fetch in bytes", int64(c.FetchMaxBytes)},
		{"fetch sessions", int64(c.FetchSessions)},
		{"quota window", int64(c.QuotaWindow)},
	} {
		if n.value < 1 {
			return fmt.Errorf("%s is %d, must be at least 1", n.name, n.value)
		}
	}
	if c.ConsumerHeartbeat >= c.ConsumerSession {
		return fmt.Errorf("heartbeat interval of consumer groups is %s, their session timeout %s: it must be longer", c.ConsumerHeartbeat, c.ConsumerSession)
	}
	if c.QuotaWindows < 2 {
		return fmt.Errorf("quota windows are %d, must be at least 2: what is used in the running one is measured against those before it", c.QuotaWindows)
	}
	if most := max(c.DefaultPartitions, c.OffsetsPartitions, c.TransactionsPartitions, c.ShareStatePartitions); most > metadata.MaxPartitions {
		return fmt.Errorf("partitions of new topics are %d, must be at most %d", most, metadata.MaxPartitions)
	}
	return nil
}

// ListenerInfo says through which door a connection came.
type ListenerInfo struct {
	// Name of the listener, for logs.
	Name string
	// AdvertisedHost and AdvertisedPort are where clients of this listener are told to connect to.
	AdvertisedHost string
	AdvertisedPort int32
	// SASL are the mechanisms by which clients must prove who they are. None: they
	// need not.
	SASL []auth.Mechanism
	// Identify tells who a connection is from by other means, such as a
	// certificate of the client, or refuses it. It may take the time that the
	// connection's TLS handshake takes. Default (nil): nobody in particular.
	Identify func(context.Context, net.Conn) (auth.Principal, error)
}
