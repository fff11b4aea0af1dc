package consumer

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/evidentlog/evident/internal/broker/group/assignor"
)

// subscription is what a member reads. Members that read the same share it, so
// that what depends on it is computed once.
type subscription struct {
	names   []string // of topics, in order, each once
	regex   string   // topics with such names too; "": none
	members int      // that have it

	// The topics there are of it, in order of their ids, at version; see resolve.
	topics  []assignor.Topic
	ids     map[TopicID]struct{}
	version int64
}

// unresolved is a version that no picture of the topics has.
const unresolved = -1

// subscriptions are those of a group, by key.
type subscriptions map[string]*subscription

func subscriptionKey(names []string, regex string) string {
	var b strings.Builder
	for _, s := range append([]string{regex}, names...) {
		var length [4]byte
		binary.BigEndian.PutUint32(length[:], uint32(len(s)))
		b.Write(length[:])
		b.WriteString(s)
	}
	return b.String()
}

// get returns the subscription, for one more member. It keeps copies of its arguments.
func (s subscriptions) get(names []string, regex string) *subscription {
	key := subscriptionKey(names, regex)
	sub := s[key]
	if sub == nil {
		sub = &subscription{regex: strings.Clone(regex), version: unresolved}
		for _, name := range names {
			sub.names = append(sub.names, strings.Clone(name))
		}
		s[key] = sub
	}
	sub.members++
	return sub
}

// release gives back what get gave.
func (s subscriptions) release(sub *subscription) {
	if sub == nil {
		return
	}
	sub.members--
	if sub.members == 0 {
		delete(s, subscriptionKey(sub.names, sub.regex))
	}
}

// normalized returns names in order, each once.
func normalized(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}

// resolve finds the topics of the subscription that exist.
func (sub *subscription) resolve(topics Topics, matched []string) {
	if sub.version == topics.Version() {
		return
	}
	sub.version = topics.Version()
	sub.topics, sub.ids = nil, make(map[TopicID]struct{})
	for _, names := range [][]string{sub.names, matched} {
		for _, name := range names {
			id, partitions, ok := topics.ByName(name)
			if _, seen := sub.ids[id]; !ok || seen {
				continue
			}
			sub.ids[id] = struct{}{}
			sub.topics = append(sub.topics, assignor.Topic{ID: id, Partitions: partitions})
		}
	}
	slices.SortFunc(sub.topics, func(a, b assignor.Topic) int { return slices.Compare(a.ID[:], b.ID[:]) })
}

// includes reports whether the subscription names the topic.
func (sub *subscription) includes(name string) bool {
	_, ok := slices.BinarySearch(sub.names, name)
	return ok
}
