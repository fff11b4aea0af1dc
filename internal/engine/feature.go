package engine

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Feature is something that some clusters can do and others cannot.
type Feature int

// Features, in the order in which Apache Kafka got them.
const (
	// IncrementalConfigs is changing single settings of a topic (KIP-339).
	IncrementalConfigs Feature = iota
	// Transactions are exactly-once from topic to topic, with offsets that are
	// fenced by the group's generation (KIP-98, KIP-447).
	Transactions
	// Quotas are limits on the rates of clients (KIP-546).
	Quotas
	// ScramUsers are users managed by the cluster itself (KIP-554).
	ScramUsers
	// TopicIDs tell a topic from another of the same name (KIP-516).
	TopicIDs
	// ConsumerProtocol is the consumer group protocol whose assignments are
	// made by the server (KIP-848).
	ConsumerProtocol
	// TransactionsV2 are transactions whose epoch rises each time, so that a
	// late request can do no harm (KIP-890).
	TransactionsV2
	// ShareGroups are queues (KIP-932).
	ShareGroups
	// DeadLetters are topics that take what a share group gave up (KIP-1191).
	DeadLetters

	features // how many there are
)

// String is what people call the feature.
func (f Feature) String() string { return f.needs().name }

// needs is what a cluster must answer to have a feature.
type needs struct {
	name, kip string
	since     string // first release of Apache Kafka that has it
	keys      map[kmsg.Key]int16
	feature   string // a feature of Kafka's own (KIP-584), if it takes one
	level     int16  // that it must be finalized at, at least
}

// needs is the row of the table.
func (f Feature) needs() needs {
	switch f {
	case IncrementalConfigs:
		return needs{name: "incremental configs", kip: "KIP-339", since: "2.3",
			keys: map[kmsg.Key]int16{kmsg.IncrementalAlterConfigs: 0}}
	case Transactions:
		return needs{name: "transactions", kip: "KIP-447", since: "2.5",
			keys: map[kmsg.Key]int16{kmsg.InitProducerID: 3, kmsg.AddPartitionsToTxn: 0, kmsg.EndTxn: 0, kmsg.TxnOffsetCommit: 3}}
	case Quotas:
		return needs{name: "quotas", kip: "KIP-546", since: "2.6",
			keys: map[kmsg.Key]int16{kmsg.DescribeClientQuotas: 0, kmsg.AlterClientQuotas: 0}}
	case ScramUsers:
		return needs{name: "SCRAM users", kip: "KIP-554", since: "2.7",
			keys: map[kmsg.Key]int16{kmsg.DescribeUserSCRAMCredentials: 0, kmsg.AlterUserSCRAMCredentials: 0}}
	case TopicIDs:
		return needs{name: "topic ids", kip: "KIP-516", since: "2.8",
			keys: map[kmsg.Key]int16{kmsg.Metadata: 10}}
	case ConsumerProtocol:
		return needs{name: "the consumer group protocol", kip: "KIP-848", since: "4.0",
			keys:    map[kmsg.Key]int16{kmsg.ConsumerGroupHeartbeat: 0, kmsg.ConsumerGroupDescribe: 0},
			feature: "group.version", level: 1}
	case TransactionsV2:
		return needs{name: "transactions of version 2", kip: "KIP-890", since: "4.0",
			keys:    map[kmsg.Key]int16{kmsg.EndTxn: 5, kmsg.TxnOffsetCommit: 5, kmsg.Produce: 12},
			feature: "transaction.version", level: 2}
	case ShareGroups:
		return needs{name: "share groups", kip: "KIP-932", since: "4.2",
			keys:    map[kmsg.Key]int16{kmsg.ShareGroupHeartbeat: 1, kmsg.ShareFetch: 1, kmsg.ShareAcknowledge: 1},
			feature: "share.version", level: 1}
	case DeadLetters:
		return needs{name: "dead letters of share groups", kip: "KIP-1191", since: "4.4",
			keys:    map[kmsg.Key]int16{kmsg.ShareFetch: 1},
			feature: "share.version", level: 2}
	}
	return needs{name: fmt.Sprintf("feature %d", int(f))}
}

// required is what nothing of Evident works without: record batches with
// headers, idempotent producers, offsets by time, and managing topics.
func required() needs {
	return needs{since: "0.11", keys: map[kmsg.Key]int16{
		kmsg.Produce: 3, kmsg.Fetch: 4, kmsg.ListOffsets: 1, kmsg.InitProducerID: 0,
		kmsg.CreateTopics: 2, kmsg.DescribeConfigs: 0, kmsg.OffsetCommit: 2, kmsg.OffsetFetch: 1,
	}}
}
