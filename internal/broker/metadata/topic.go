package metadata

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/evidentlog/evident/internal/log"
)

// ID is a topic's id, never reused (KIP-516). The zero ID means none.
type ID [16]byte

// newID makes a random (version 4) UUID, as Kafka does.
func newID() ID {
	var id ID
	rand.Read(id[:])
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

// String writes id as Kafka's tools do: base64url without padding.
func (id ID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// MarshalText implements [encoding.TextMarshaler].
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (id *ID) UnmarshalText(text []byte) error {
	b, err := base64.RawURLEncoding.DecodeString(string(text))
	if err != nil || len(b) != len(id) {
		return fmt.Errorf("id %q is not 16 bytes of base64url", text)
	}
	copy(id[:], b)
	return nil
}

// Topic is a topic as it was when a [Snapshot] was taken. It is never changed;
// what its partitions hold does.
type Topic struct {
	Name       string
	ID         ID
	Partitions []*log.Partition  // by number
	Configs    map[string]string // the topic's own properties
}

// Names of the topics that the broker keeps for itself.
const (
	// PartitionTopic names the partition that holds the metadata. Clients do not see it.
	PartitionTopic = "__cluster_metadata"
	// OffsetsTopic holds the offsets of consumer groups.
	OffsetsTopic = "__consumer_offsets"
	// TransactionsTopic holds the state of transactions.
	TransactionsTopic = "__transaction_state"
	// ShareStateTopic holds what share groups know of records.
	ShareStateTopic = "__share_group_state"
)

// Internal tells if clients may read the topic but not write it.
func (t *Topic) Internal() bool {
	return t.Name == OffsetsTopic || t.Name == TransactionsTopic || t.Name == ShareStateTopic
}

// Partition returns the partition numbered n, or nil.
func (t *Topic) Partition(n int32) *log.Partition {
	if n < 0 || int(n) >= len(t.Partitions) {
		return nil
	}
	return t.Partitions[n]
}

func (t *Topic) logID(n int32) log.ID {
	return log.ID{Topic: t.Name, TopicID: t.ID, Partition: n}
}

func (t *Topic) with(partitions []*log.Partition, configs map[string]string) *Topic {
	return &Topic{Name: t.Name, ID: t.ID, Partitions: partitions, Configs: maps.Clone(configs)}
}

// Reasons why a change is refused. What the log says (log.ErrStorage) and what
// topicconfig says (topicconfig.ErrInvalid) is passed on wrapped.
var (
	ErrInvalidName       = errors.New("invalid topic name")           // INVALID_TOPIC_EXCEPTION
	ErrExists            = errors.New("topic already exists")         // TOPIC_ALREADY_EXISTS
	ErrUnknownTopic      = errors.New("unknown topic")                // UNKNOWN_TOPIC_OR_PARTITION
	ErrInvalidPartitions = errors.New("invalid number of partitions") // INVALID_PARTITIONS
)

// Limits on what one topic may be.
const (
	maxNameBytes  = 249 // Kafka's: a folder name has 255, the partition's number takes the rest
	MaxPartitions = 10_000
)

// CheckName applies Kafka's rules for topic names. The error wraps ErrInvalidName.
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: it is empty", ErrInvalidName)
	case name == "." || name == "..":
		return fmt.Errorf("%w: it cannot be %q", ErrInvalidName, name)
	case len(name) > maxNameBytes:
		return fmt.Errorf("%w: it has %d characters, at most %d are allowed", ErrInvalidName, len(name), maxNameBytes)
	case name == PartitionTopic:
		return fmt.Errorf("%w: %q belongs to the broker", ErrInvalidName, name)
	}
	for _, c := range []byte(name) {
		if !legal(c) {
			return fmt.Errorf("%w: %q has %q; only letters, digits, '.', '_' and '-' are allowed", ErrInvalidName, name, c)
		}
	}
	return nil
}

func legal(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
}

// collisionKey is equal for names that differ in '.' and '_' only: Kafka
// refuses to have both, because its metrics cannot tell them apart.
func collisionKey(name string) string { return strings.ReplaceAll(name, ".", "_") }
