package groupconfig

import (
	"time"
)

// Settings is what a group's properties mean. Each comment names the property.
type Settings struct {
	// ConsumerSession is how long a member of a consumer group (KIP-848) may be
	// silent (consumer.session.timeout.ms).
	ConsumerSession time.Duration
	// ConsumerHeartbeat is how often it is to speak (consumer.heartbeat.interval.ms).
	ConsumerHeartbeat time.Duration

	// ShareSession is how long a member of a share group (KIP-932) may be silent
	// (share.session.timeout.ms).
	ShareSession time.Duration
	// ShareHeartbeat is how often it is to speak (share.heartbeat.interval.ms).
	ShareHeartbeat time.Duration
	// RecordLock is how long a member may work on a record before it is given
	// to another (share.record.lock.duration.ms).
	RecordLock time.Duration
	// DeliveryLimit is how often a record is delivered at most
	// (share.delivery.count.limit).
	DeliveryLimit int
	// RecordLocks is how far ahead of its first unfinished record a share group
	// may read in a partition, in records (share.partition.max.record.locks).
	RecordLocks int
	// Start is where a share group begins in a partition
	// (share.auto.offset.reset).
	Start Reset
	// ReadCommitted withholds records of open and of aborted transactions
	// (share.isolation.level).
	ReadCommitted bool
	// Renew lets members renew record locks (share.renew.acknowledge.enable, KIP-1222).
	Renew bool
	// DeadLetterTopic gets the records whose delivery is given up, if it is not
	// empty (errors.deadletterqueue.topic.name, KIP-1191).
	DeadLetterTopic string
	// DeadLetterCopy has key and value copied to it, not only where the record
	// is (errors.deadletterqueue.copy.record.enable).
	DeadLetterCopy bool
}

// Reset says where to begin in a partition.
type Reset struct {
	Kind ResetKind
	Ago  time.Duration // how far back, for ByDuration
}

// ResetKind is a kind of Reset.
type ResetKind int8

const (
	// Latest begins with what comes next.
	Latest ResetKind = iota
	// Earliest begins with the first record there is.
	Earliest
	// ByDuration begins with the first record that is not older than Ago.
	ByDuration
)

// Of returns the settings of a group with properties own on a node with
// defaults node, both by group property name. The error wraps ErrInvalid.
func Of(own, node map[string]string) (Settings, error) {
	var s Settings
	for _, d := range definitions {
		text := d.Default
		for _, layer := range []map[string]string{node, own} {
			if v, ok := layer[d.Name]; ok {
				text = v
			}
		}
		if err := d.set(&s, text); err != nil {
			return Settings{}, d.refuse(text, err)
		}
	}
	return s, nil
}
