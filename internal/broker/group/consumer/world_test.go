package consumer

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// fakeTopics is a picture of topics. Ids are made of the names and of how often
// a topic was made.
type fakeTopics struct {
	version int64
	topics  map[string]fakeTopic
}

type fakeTopic struct {
	id         TopicID
	partitions int32
}

func (f *fakeTopics) with(name string, incarnation byte, partitions int32) *fakeTopics {
	next := &fakeTopics{f.version + 1, maps.Clone(f.topics)}
	if next.topics == nil {
		next.topics = map[string]fakeTopic{}
	}
	var id TopicID
	copy(id[:], name)
	id[15] = incarnation
	next.topics[name] = fakeTopic{id, partitions}
	return next
}

func (f *fakeTopics) without(name string) *fakeTopics {
	next := &fakeTopics{f.version + 1, maps.Clone(f.topics)}
	delete(next.topics, name)
	return next
}

func (f *fakeTopics) Version() int64 { return f.version }

func (f *fakeTopics) ByName(name string) (TopicID, int32, bool) {
	t, ok := f.topics[name]
	return t.id, t.partitions, ok
}

func (f *fakeTopics) ByID(id TopicID) (string, bool) {
	for name, t := range f.topics {
		if t.id == id {
			return name, true
		}
	}
	return "", false
}

func (f *fakeTopics) Names() iter.Seq[string] { return maps.Keys(f.topics) }

// text writes partitions as "orders:0,1 payments:2".
func (f *fakeTopics) text(ps []Partition) string {
	var all []string
	runs(ps, func(id TopicID, of []Partition) {
		name, ok := f.ByID(id)
		if !ok {
			name = "gone(" + strings.TrimRight(string(id[:15]), "\x00") + ")"
		}
		all = append(all, fmt.Sprint(name, ":", strings.Trim(strings.ReplaceAll(fmt.Sprint(numbers(of)), " ", ","), "[]")))
	})
	slices.Sort(all)
	return strings.Join(all, " ")
}

// partitionsOf are the partitions of an answer, in order.
func partitionsOf(a *kmsg.ConsumerGroupHeartbeatResponseAssignment) []Partition {
	var ps []Partition
	for _, t := range a.Topics {
		for _, n := range t.Partitions {
			ps = append(ps, Partition{Topic: t.TopicID, Number: n})
		}
	}
	slices.SortFunc(ps, Partition.Compare)
	return ps
}

// topicsOf is partitions as a heartbeat names them.
func topicsOf(ps []Partition) []kmsg.ConsumerGroupHeartbeatRequestTopic {
	topics := []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	runs(ps, func(id TopicID, of []Partition) {
		t := kmsg.NewConsumerGroupHeartbeatRequestTopic()
		t.TopicID, t.Partitions = id, numbers(of)
		topics = append(topics, t)
	})
	return topics
}

// stored is the log: what a restart finds.
type stored struct{ records []Record }

func (s *stored) append(records []Record) { s.records = append(s.records, records...) }

// image reads the log as it is read at a start.
func (s *stored) image() (*Image, error) {
	im := &Image{}
	for _, r := range s.records {
		if err := im.Apply(r.Key, r.Value); err != nil {
			return nil, err
		}
	}
	return im, nil
}

func env(now time.Time, topics Topics) Env {
	return Env{Now: now, Topics: topics, SessionTimeout: 45 * time.Second, HeartbeatInterval: 5 * time.Second}
}
