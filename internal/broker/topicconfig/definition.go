package topicconfig

import (
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/log"
)

// OpaquePrefix begins the names of properties that this package keeps without
// understanding them.
const OpaquePrefix = "evident."

// Properties of topics that are ours, not Kafka's.
const (
	// Ledger is whether the topic's history is made provable.
	Ledger = "evident.ledger"
	// LedgerOff is the value of Ledger with which it is not.
	LedgerOff = "off"
	// LedgerMaxLag is how far the ledger may fall behind a partition, in bytes.
	LedgerMaxLag = "evident.ledger.max.lag.bytes"
	// QueueOrder is how share groups get records in order.
	QueueOrder = "evident.queue.order"
	// QueueOrderKey is the value of QueueOrder with which records of one key are
	// delivered one after the other.
	QueueOrderKey = "key"
	// QueuePriorityHeader names the header with a record's priority.
	QueuePriorityHeader = "evident.queue.priority.header"
	// DeadLetters is Kafka's, and lets share groups use a topic for dead letters
	// (KIP-1191).
	DeadLetters = "errors.deadletterqueue.group.enable"
)

// Definition describes one topic property.
type Definition struct {
	// Name is the topic property, as in "retention.ms".
	Name string
	// NodeName is Kafka's name for the broker property that is the default for all topics,
	// as in "log.retention.ms".
	NodeName string
	// Type is the property's type on the wire.
	Type kmsg.ConfigType
	// Default is the value where neither topic nor node gives one.
	Default string
	// Doc is one or two sentences for people.
	Doc string

	check checker                    // refuses values
	apply func(*log.Settings, value) // nil: no effect on the log
}

// All returns every definition, sorted by name.
func All() []Definition { return slices.Clone(definitions) }

// Lookup returns the definition of the named property.
func Lookup(name string) (Definition, bool) {
	i, ok := slices.BinarySearchFunc(definitions, name, func(d Definition, n string) int {
		return strings.Compare(d.Name, n)
	})
	if !ok {
		return Definition{}, false
	}
	return definitions[i], true
}

func isOpaque(name string) bool {
	_, known := Lookup(name)
	return !known && strings.HasPrefix(name, OpaquePrefix) && len(name) > len(OpaquePrefix)
}
