package consumer

import (
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// held are partitions that a member holds, each with the member epoch at which
// it got it (KIP-1251). A held is not changed once it has been made.
type held map[Partition]int32

// sorted returns the partitions in order.
func (h held) sorted() []Partition {
	return slices.SortedFunc(maps.Keys(h), Partition.Compare)
}

// same reports whether both are the same partitions, whenever they were got.
func (h held) same(o held) bool {
	if len(h) != len(o) {
		return false
	}
	for p := range h {
		if _, ok := o[p]; !ok {
			return false
		}
	}
	return true
}

// owned is what a member says that it reads. Said is false if it says nothing,
// which means that nothing has changed for it.
type owned struct {
	said       bool
	partitions []Partition
}

func ownedOf(topics []kmsg.ConsumerGroupHeartbeatRequestTopic) owned {
	o := owned{said: topics != nil}
	for _, t := range topics {
		for _, n := range t.Partitions {
			o.partitions = append(o.partitions, Partition{Topic: t.TopicID, Number: n})
		}
	}
	return o
}

// any reports whether the member still reads one of h. One that says nothing may.
func (o owned) any(h held) bool {
	if !o.said {
		return true
	}
	return slices.ContainsFunc(o.partitions, func(p Partition) bool { _, ok := h[p]; return ok })
}

// within reports whether the member reads nothing but h, and says so.
func (o owned) within(h held) bool {
	return o.said && !slices.ContainsFunc(o.partitions, func(p Partition) bool { _, ok := h[p]; return !ok })
}

// runs gives the partitions of each topic, of partitions in order.
func runs(partitions []Partition, each func(topic TopicID, of []Partition)) {
	for len(partitions) > 0 {
		topic := partitions[0].Topic
		n := slices.IndexFunc(partitions, func(p Partition) bool { return p.Topic != topic })
		if n < 0 {
			n = len(partitions)
		}
		each(topic, partitions[:n])
		partitions = partitions[n:]
	}
}

// numbers are the numbers of partitions.
func numbers(partitions []Partition) []int32 {
	ns := make([]int32, len(partitions))
	for i, p := range partitions {
		ns[i] = p.Number
	}
	return ns
}
