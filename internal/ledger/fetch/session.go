package fetch

import (
	"errors"
	"math"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/ledger/source"
)

// Session epochs with a meaning of their own (KIP-227): the first asks for a new
// session, in place of the one that the request names, if any.
const (
	newSession = 0
	firstEpoch = 1
)

// A session is what a broker remembers of the partitions that are read. The zero
// value is none.
type session struct {
	id    int32 // 0: there is none
	epoch int32 // of the next request; newSession if that has all partitions

	changes   []*partition       // of which the broker is to be told
	forgotten []source.Partition // likewise
}

// lost tells whether an error says that the broker has no such session any more, as
// happens: it drops those that others need the room of, and all when it starts. The
// versions before and since topics have ids cannot go on with each other's.
func lost(err error) bool {
	return errors.Is(err, kerr.FetchSessionIDNotFound) || errors.Is(err, kerr.InvalidFetchSessionEpoch) ||
		errors.Is(err, kerr.FetchSessionTopicIDError)
}

// change notes that the broker is to be told of a partition.
func (s *session) change(p *partition) {
	if !p.changed {
		p.changed = true
		s.changes = append(s.changes, p)
	}
}

// forget notes that a partition is not to be in the session any more.
func (s *session) forget(p *partition) { s.forgotten = append(s.forgotten, p.Partition) }

// renew makes the next request ask for a new session.
func (s *session) renew() { s.epoch = newSession }

// fill puts into a request what the broker does not know yet: all partitions, in no
// order, so that a busy one starves nobody, or those that changed.
func (s *session) fill(req *kmsg.FetchRequest, all map[source.Key]*partition) {
	if s.confuses(all) {
		s.renew()
	}
	req.SessionID, req.SessionEpoch = s.id, s.epoch
	topics := map[[16]byte]int{}
	if s.epoch == newSession {
		for _, p := range all {
			ask(req, topics, p)
		}
		return
	}
	for _, p := range s.changes {
		if all[p.Key] == p {
			ask(req, topics, p)
		}
	}
	s.fillForgotten(req, all)
}

// ask asks for a partition, whose topic stands in the request where topics says.
func ask(req *kmsg.FetchRequest, topics map[[16]byte]int, p *partition) {
	at, ok := topics[p.ID]
	if !ok {
		at = len(req.Topics)
		topics[p.ID] = at
		t := kmsg.NewFetchRequestTopic()
		t.Topic, t.TopicID = p.Topic, p.ID
		req.Topics = append(req.Topics, t)
	}
	q := kmsg.NewFetchRequestTopicPartition()
	q.Partition, q.FetchOffset, q.PartitionMaxBytes = p.Number, p.offset, partitionMax
	req.Topics[at].Partitions = append(req.Topics[at].Partitions, q)
}

// confuses tells whether a partition is to be forgotten and another, of a later topic
// of the same name, is wanted: to a broker that knows topics by their names they are
// one, which it would forget.
func (s *session) confuses(all map[source.Key]*partition) bool {
	if len(s.forgotten) == 0 {
		return false
	}
	type place struct {
		topic  string
		number int32
	}
	wanted := make(map[place][16]byte, len(all))
	for k, p := range all {
		wanted[place{p.Topic, k.Number}] = k.ID
	}
	return slices.ContainsFunc(s.forgotten, func(p source.Partition) bool {
		id, ok := wanted[place{p.Topic, p.Number}]
		return ok && id != p.ID
	})
}

// fillForgotten leaves out what is wanted again: brokers differ in which of the two
// they do first.
func (s *session) fillForgotten(req *kmsg.FetchRequest, all map[source.Key]*partition) {
	for _, p := range s.forgotten {
		if all[p.Key] != nil {
			continue
		}
		t := kmsg.NewFetchRequestForgottenTopic()
		t.Topic, t.TopicID, t.Partitions = p.Topic, p.ID, []int32{p.Number}
		req.ForgottenTopics = append(req.ForgottenTopics, t)
	}
}

// told notes that the broker knows what the last request had.
func (s *session) told(resp *kmsg.FetchResponse) {
	for _, p := range s.changes {
		p.changed = false
	}
	s.changes, s.forgotten = s.changes[:0], s.forgotten[:0]
	switch {
	case s.epoch == newSession && resp.SessionID == 0: // it has no room, or is too old
		s.id = 0
	case s.epoch == newSession:
		s.id, s.epoch = resp.SessionID, firstEpoch
	case s.epoch == math.MaxInt32:
		s.epoch = firstEpoch
	default:
		s.epoch++
	}
}
