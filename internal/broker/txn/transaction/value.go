package transaction

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Producer is an instance of a producer: its id and the epoch that tells it from
// earlier ones.
type Producer struct {
	ID    int64
	Epoch int16
}

// NoID is no producer id.
const NoID = -1

const (
	noEpoch = -1
	// lastEpoch is the highest epoch that a producer is given. The one above is
	// kept for fencing it.
	lastEpoch = math.MaxInt16 - 1
)

// None is no producer: a client says so that has none yet.
var None = Producer{NoID, noEpoch}

// Version is the transaction version that a client speaks.
type Version int16

// The versions. 1 differs from 0 only in what is stored.
const (
	V0 Version = 0
	V2 Version = 2 // KIP-890: each end of a transaction raises the epoch
)

// Partition names one that a transaction writes.
type Partition struct {
	Topic  string
	Number int32
}

// Partitions is a set of them.
type Partitions map[Partition]struct{}

// NewPartitions returns the set of ps.
func NewPartitions(ps ...Partition) Partitions {
	set := make(Partitions, len(ps))
	for _, p := range ps {
		set[p] = struct{}{}
	}
	return set
}

// Sorted returns the set's members by topic and number.
func (s Partitions) Sorted() []Partition {
	return slices.SortedFunc(maps.Keys(s), func(a, b Partition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Number, b.Number))
	})
}

func (s Partitions) containsAll(ps []Partition) bool {
	for _, p := range ps {
		if _, ok := s[p]; !ok {
			return false
		}
	}
	return true
}

// with returns the set and ps.
func (s Partitions) with(ps []Partition) Partitions {
	set := make(Partitions, len(s)+len(ps))
	maps.Copy(set, s)
	for _, p := range ps {
		set[p] = struct{}{}
	}
	return set
}

// Value is what is known of a transactional id. It is not changed once made;
// times are in ms since the epoch.
type Value struct {
	State    State
	Producer Producer
	// LastEpoch is the epoch that the producer had before it asked for its
	// present one, -1 if another producer had it. It is not stored.
	LastEpoch  int16
	PreviousID int64 // producer id before this value
	NextID     int64 // producer id that the completed value gets, -1: the same (its epochs are used up)
	Timeout    int32 // of a transaction, in ms
	Partitions Partitions
	Started    int64 // when the transaction began, -1: never
	Updated    int64
	Version    Version // of the client that last changed it
}

// New returns the value of a transactional id that has just come up. Its
// producer has an id, but no epoch until Init is durable.
func New(producerID, now int64) *Value {
	return &Value{
		Producer: Producer{producerID, noEpoch}, LastEpoch: noEpoch, PreviousID: NoID, NextID: NoID, Started: -1, Updated: now,
	}
}

// Step is what a request comes to: one of Err, Next, Wait, NeedID, or none of
// them if the answer is a success at once.
type Step struct {
	Err  *kerr.Error // why the request is refused
	Next *Value      // has to be durable before the answer
	Wait bool        // a transition has to end first; then the request is to be asked again
	// Early says that Next may count while it is not durable yet: what it lets
	// be written tells a start of it ([Value.Resume]).
	Early  bool
	NeedID bool // the request is to be asked again with a FreshID
	// Again says that the request is to be asked again, instead of answered,
	// once Next is durable and completed.
	Again bool
	// Producer is what a successful answer tells the client to be from now on.
	Producer Producer
}

// Held tells whether the request is a success that changes nothing.
func (s Step) Held() bool { return s.Err == nil && s.Next == nil && !s.Wait && !s.NeedID }

func refuse(err *kerr.Error) Step { return Step{Err: err, Producer: None} }

// to returns a copy in another state.
func (v *Value) to(s State, now int64) *Value {
	next := *v
	next.State, next.Updated = s, now
	next.PreviousID, next.NextID = v.Producer.ID, NoID
	return &next
}

// exhausted tells whether the producer id has no epoch left to give: the next
// one needs a new id.
func (v *Value) exhausted() bool { return v.Producer.Epoch >= lastEpoch }

// Successor is who the producer is once a prepared transaction is completed.
func (v *Value) Successor() Producer {
	if v.NextID != NoID {
		return Producer{v.NextID, 0}
	}
	return v.Producer
}
