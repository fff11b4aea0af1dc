package node

import (
	"encoding/json"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evidentlog/evident/internal/engine/cluster"
	"github.com/evidentlog/evident/internal/process/state"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// Config configures a node. The zero value is a node on ./evident-data that
// listens on 127.0.0.1:9092 (Kafka) and 127.0.0.1:8080 (HTTP).
type Config struct {
	// Data is the folder that the node owns. Default: "./evident-data".
	Data string
	// FS holds Data. Default (nil): the machine's disk.
	FS vfs.FS

	// Kafka are the listeners that speak the Kafka protocol. Default: one
	// named "kafka" on 127.0.0.1:9092. An empty, non-nil slice means none: the
	// node is then reached through [Node.Client] only.
	Kafka []Listener
	// HTTP are the listeners that speak HTTP. Default: one named "http" on
	// 127.0.0.1:8080. An empty, non-nil slice means none.
	HTTP []Listener
	// Registry are listeners that speak the schema registry's HTTP alone, with paths
	// that begin at the root. Default: none; the node's HTTP has it under /registry.
	Registry []Listener
	// Wire is given the node's end of each connection that speaks the Kafka protocol
	// without TLS, also of those inside the process, and what it returns is served
	// instead. Tests break connections with it. Default (nil): each is served as it is.
	Wire func(net.Conn) net.Conn
	// Insecure allows listeners beyond loopback in plain text.
	Insecure bool
	// HTTPTokenFile is the file with what HTTP requests must show that change or
	// destroy something; it is made if it is not there. Nodes on one Cluster need
	// the same. Default: a file in Data, if the node has a broker or a ledger of its
	// own; otherwise HTTP changes nothing.
	HTTPTokenFile string
	// Declarations are resources, as JSON, that are applied before the node is
	// ready. It does not start if they are refused.
	Declarations []json.RawMessage
	// BootstrapUsers are made at start if there are none of their names; the
	// functions are asked for their passwords then, and not otherwise.
	BootstrapUsers map[string]func() (password string, err error)
	// Processors are code that the node runs: each once for each partition of its
	// inputs, shared with other nodes that have it, as it is declared (kind Processor).
	Processors []Processor
	// ConnectionsMaxReauth is how long a login by SASL is good for (Kafka:
	// connections.max.reauth.ms). Default: for as long as the connection.
	ConnectionsMaxReauth time.Duration
	// FailedAuthenticationDelay is how long a client that could not log in waits
	// for its answer (Kafka: connection.failed.authentication.delay.ms).
	// Default: 100 ms; negative: none.
	FailedAuthenticationDelay time.Duration

	// Cluster is a Kafka cluster that somebody else runs. With it the node runs
	// on that cluster and has no broker, log or Kafka listener of its own; what
	// is said below of topics, groups and damage is then the cluster's to say.
	Cluster *Cluster
	// ReplicationFactor is how many replicas the topics have that the node
	// makes on Cluster. Default: what the cluster says.
	ReplicationFactor int

	// AutoCreateTopics lets a Metadata request create the topics that it asks
	// for (Kafka: auto.create.topics.enable). Default (nil): true.
	AutoCreateTopics *bool
	// Partitions is the number of partitions of topics created without one
	// (Kafka: num.partitions). Default: 1.
	Partitions int
	// TopicDefaults are topic settings that apply where a topic has none of
	// its own, by their Kafka topic property names ("retention.ms").
	TopicDefaults map[string]string
	// GroupInitialRebalanceDelay is how long a new consumer group waits for
	// more members (Kafka: group.initial.rebalance.delay.ms). Default: 3 s, as
	// in Kafka; negative: none.
	GroupInitialRebalanceDelay time.Duration
	// GroupConsumerHeartbeat is how often members of consumer groups (KIP-848) are
	// to say that they live, where a group has no interval of its own (Kafka:
	// group.consumer.heartbeat.interval.ms). Default: 5 s.
	GroupConsumerHeartbeat time.Duration
	// GroupConsumerSession is how long they may be silent before their partitions
	// go to others, likewise (Kafka: group.consumer.session.timeout.ms). It must be
	// longer than the interval. Default: 45 s.
	GroupConsumerSession time.Duration
	// OffsetsPartitions is the number of partitions of __consumer_offsets
	// (Kafka: offsets.topic.num.partitions). Default: 50 on first creation.
	OffsetsPartitions int
	// TransactionsPartitions is the number of partitions of __transaction_state
	// when it is created. Default: 50, as Kafka.
	TransactionsPartitions int
	// GroupShareMaxSize is how many members a share group (KIP-932) may have (Kafka:
	// group.share.max.size). Default: 200.
	GroupShareMaxSize int
	// ShareStatePartitions is the number of partitions of __share_group_state when
	// it is created (Kafka: share.coordinator.state.topic.num.partitions). Default: 50.
	ShareStatePartitions int
	// DeadLetterCreate makes the dead-letter topics that share groups name (Kafka:
	// errors.deadletterqueue.auto.create.topics.enable). Their names begin with
	// "dlq.".
	DeadLetterCreate bool

	// Ledger makes the history of topics provable. Default (nil): yes on the node's
	// own broker; on Cluster only with LedgerOrigin, since it reads all that comes
	// to the topics there.
	Ledger *bool
	// LedgerOrigin names the deployment in proofs, such as "example.com/events". It
	// must never change. Default: the name that the ledger in Data has, and for a
	// new one "unnamed.invalid/" with a random end.
	LedgerOrigin string
	// LedgerExclude are patterns, as of [path.Match], of names of topics whose
	// history is not made provable. A topic's own evident.ledger=off does the same.
	LedgerExclude []string
	// StateMemory is about how many bytes the state of all processors on the node may
	// take in memory, at least a MiB. Default: [DefaultStateMemory].
	StateMemory int64
	// LedgerMaxLag is how many bytes of all partitions may wait for the ledger of
	// the node's own broker; how many of one is its topic's setting
	// evident.ledger.max.lag.bytes. From half of that on producers are made to wait,
	// and refused beyond it until the ledger has caught up. Default: 512 MiB.
	LedgerMaxLag int64

	// LedgerStore is the place of a ledger that several nodes on one Cluster share:
	// s3://BUCKET/PREFIX?endpoint=URL&region=NAME. The store must honour conditions
	// on writes, and credentials come from the environment (AWS_ACCESS_KEY_ID,
	// AWS_SECRET_ACCESS_KEY), AWS's files or the machine. All nodes need the same
	// LedgerOrigin and LedgerKey. Default: a ledger of this node alone.
	LedgerStore string
	// LedgerKey is the file with the ledger's private keys, made for a new ledger
	// if it is not there. Default: a file in the ledger's folder in Data.
	LedgerKey string

	// ClaimStore is the place of data of events that are too large for the log:
	// s3://BUCKET/PREFIX?endpoint=URL&region=NAME, credentials as for LedgerStore.
	// Nodes that share a Cluster share it. Default: a folder in Data, for this node
	// alone; none for a node without a folder.
	ClaimStore string

	// GatewayWindow is for how long an event that is sent over HTTP again is not written
	// again. Default: 24 h.
	GatewayWindow time.Duration
	// GatewayIDs is how many of the newest events are known again; each takes 40 bytes of
	// memory. Default: 10,000,000.
	GatewayIDs int
	// GatewayOrigins are the origins that the handshake of CloudEvents' webhooks lets in;
	// "*" is all. Default: none.
	GatewayOrigins []string
	// GatewayMaxBody is how large the body of a request with events may be that is no
	// stream of lines, in bytes. Default: 16 MiB.
	GatewayMaxBody int64

	// LedgerIndex keeps an index of the ledger's records: by key, event id, type,
	// correlation id and time. A topic's own evident.index=off does without.
	// Default (nil): yes, where there is a ledger.
	LedgerIndex *bool
	// LedgerPolicy names witnesses (C2SP tlog-policy) that the ledger's checkpoints
	// are sent to, by their URLs, and the quorum of them that proofs wait for.
	// Default: no witnesses.
	LedgerPolicy *proof.Policy
	// WitnessInterval is the time between checkpoints that witnesses are asked for;
	// when a proof waits they are asked at once. Default: 10 s.
	WitnessInterval time.Duration

	// AnchorOpenTimestamps are URLs of calendars of OpenTimestamps that get the
	// ledger's checkpoints, which they have put into Bitcoin; PublicCalendars stands
	// for the public ones. Default: none, and nobody is asked.
	AnchorOpenTimestamps []string
	// AnchorEthereum is a contract that gets them too. Default: none.
	AnchorEthereum *AnchorEthereum
	// AnchorInterval is how often each gets one, if the ledger has grown. Default:
	// an hour.
	AnchorInterval time.Duration

	// TruncateDamaged lets recovery cut a partition at damage in its middle,
	// which loses the records behind it. Default: such a partition takes no
	// appends, and can be read up to the damage.
	TruncateDamaged bool

	// Logger receives what an operator should know. Default: discard.
	Logger *slog.Logger
	// Metrics receives the node's collectors and is served at /metrics.
	// Default: a registry of the node's own.
	Metrics *prometheus.Registry
	// Ready is called once, when every listener accepts connections and Cluster,
	// if there is one, has answered.
	Ready func(Addresses)
}

// DefaultRebalanceDelay is the default of Config.GroupInitialRebalanceDelay.
const DefaultRebalanceDelay = 3 * time.Second

// DefaultStateMemory is the default of Config.StateMemory.
const DefaultStateMemory = state.DefaultTotal

// Cluster is where a Kafka cluster is and how to get in. ClusterTLS and
// ClusterSASL are parts of it.
type (
	Cluster     = cluster.Config
	ClusterTLS  = cluster.TLS
	ClusterSASL = cluster.SASL
)

// Listener is one address that a node listens on.
type Listener struct {
	// Name tells listeners apart in logs and errors.
	Name string
	// Address is host:port; port 0 takes a free one.
	Address string
	// Advertise is the host:port that clients who came through this listener are told to
	// connect to. Default: the address listened on (with the real port).
	Advertise string
	// TLSCert and TLSKey are PEM files; with both, the listener speaks TLS.
	TLSCert, TLSKey string
	// TLSClientCA is a PEM file of authorities. With it, the listener takes only
	// clients with a certificate that one of them signed (Kafka:
	// ssl.client.auth=required), and they are who that says, unless SASL says
	// otherwise. Of Kafka listeners with TLS only.
	TLSClientCA string
	// SASL are the mechanisms by which clients must log in: "PLAIN",
	// "SCRAM-SHA-256", "SCRAM-SHA-512". None: they need not. Of Kafka listeners
	// only.
	SASL []string
}

// Addresses are the addresses that a node really listens on, by listener name.
type Addresses struct {
	Kafka map[string]string
	HTTP  map[string]string
	// Registry are those of the schema registry alone.
	Registry map[string]string
}
