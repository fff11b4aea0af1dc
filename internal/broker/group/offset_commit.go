package group

import (
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// OffsetCommit answers OffsetCommit (versions 2 to 10) once the offsets are
// durable. From version 10 topics are named by id.
func (c *Coordinator) OffsetCommit(_ ClientInfo, req *kmsg.OffsetCommitRequest, reply func(*kmsg.OffsetCommitResponse)) {
	k := c.newCommit(req)
	c.topic.WhenThere(req.Group, func(err *kerr.Error) {
		if err != nil {
			k.fail(err)
			reply(k.resp)
			return
		}
		look := c.find
		if req.Generation < 0 { // no member: an offset alone makes a group
			look = c.obtain
		}
		if !c.with(req.Group, look, func(e *entry, now time.Time) { c.commit(e, now, k, reply) }) {
			k.fail(c.missing(noSuchGroup(req)))
			reply(k.resp)
		}
	})
}

// noSuchGroup is the answer to a member of a group that does not exist
// (KIP-848 changed it with version 9).
func noSuchGroup(req *kmsg.OffsetCommitRequest) *kerr.Error {
	switch {
	case req.Generation < 0:
		return kerr.CoordinatorNotAvailable // it would have been made
	case req.Version >= 9:
		return kerr.GroupIDNotFound
	}
	return kerr.IllegalGeneration
}

// commit is an OffsetCommit on its way, or a TxnOffsetCommit in its form.
type commit struct {
	req   *kmsg.OffsetCommitRequest
	resp  *kmsg.OffsetCommitResponse
	items []commitItem // what can be committed
	txn   *inTransaction
}

// commitItem is the commit of one partition; code lies in the response.
type commitItem struct {
	tp    topicPartition
	value committed
	code  *int16
}

// newCommit sorts out what cannot be committed, whatever the group says.
func (c *Coordinator) newCommit(req *kmsg.OffsetCommitRequest) *commit {
	k := &commit{req: req, resp: req.ResponseKind().(*kmsg.OffsetCommitResponse)}
	k.resp.Topics = make([]kmsg.OffsetCommitResponseTopic, len(req.Topics))
	for i := range req.Topics {
		c.addTopic(k, &req.Topics[i], &k.resp.Topics[i])
	}
	return k
}

func (c *Coordinator) addTopic(k *commit, rt *kmsg.OffsetCommitRequestTopic, st *kmsg.OffsetCommitResponseTopic) {
	st.Topic, st.TopicID = rt.Topic, rt.TopicID
	st.Partitions = make([]kmsg.OffsetCommitResponseTopicPartition, len(rt.Partitions))
	t := c.resolve(k.req.Version >= 10, rt.Topic, rt.TopicID)
	for i, rp := range rt.Partitions {
		sp := &st.Partitions[i]
		sp.Partition = rp.Partition
		metadata := orEmpty(rp.Metadata)
		if err := c.checkCommit(t, rp.Partition, metadata); err != nil {
			sp.ErrorCode = err.Code
			continue
		}
		k.items = append(k.items, commitItem{
			tp: topicPartition{t.name, rp.Partition},
			value: committed{
				offset:      rp.Offset,
				leaderEpoch: rp.LeaderEpoch,
				metadata:    strings.Clone(metadata),
				expires:     k.req.RetentionTimeMillis,
				topicID:     t.id,
			},
			code: &sp.ErrorCode,
		})
	}
}

func (c *Coordinator) checkCommit(t resolved, partition int32, metadata string) *kerr.Error {
	switch {
	case t.err != nil:
		return t.err
	case partition < 0 || partition >= t.partitions:
		return kerr.UnknownTopicOrPartition
	case len(metadata) > c.cfg.MaxOffsetMetadata:
		return kerr.OffsetMetadataTooLarge
	}
	return nil
}

// resolved is a topic that a request names.
type resolved struct {
	name       string
	id         [16]byte
	partitions int32
	err        *kerr.Error // there is no such topic
}

func (c *Coordinator) resolve(byID bool, name string, id [16]byte) resolved {
	if byID {
		name, partitions, ok := c.cfg.Topics.TopicByID(id)
		if !ok {
			return resolved{id: id, err: kerr.UnknownTopicID}
		}
		return resolved{name, id, partitions, nil}
	}
	id, partitions, ok := c.cfg.Topics.TopicByName(name)
	if !ok {
		return resolved{name: name, err: kerr.UnknownTopicOrPartition}
	}
	return resolved{name, id, partitions, nil}
}

// commit asks the group and writes the offsets.
func (c *Coordinator) commit(e *entry, now time.Time, k *commit, reply func(*kmsg.OffsetCommitResponse)) {
	answer := func() { reply(k.resp) }
	who := committer{
		memberID: k.req.MemberID, instanceID: k.req.InstanceID, epoch: k.req.Generation,
		version: k.req.Version, transactional: k.txn != nil,
	}
	err := e.mayCommit(now, who, partitionsOf(k.items))
	if err != nil {
		k.fail(err)
		e.later(answer)
		return
	}
	if len(k.items) == 0 {
		e.later(answer)
		return
	}
	applied := func(err *kerr.Error) {
		k.apply(e, err)
		e.later(answer)
	}
	if k.txn != nil {
		c.appendTransactional(e, k.records(e, now), k.txn, applied)
		return
	}
	c.append(e, k.records(e, now), applied)
}

// records stamps the offsets and returns them as records.
func (k *commit) records(e *entry, now time.Time) []record {
	records := make([]record, len(k.items))
	for i := range k.items {
		v := &k.items[i].value
		e.order++
		v.at, v.order = now.UnixMilli(), e.order
		if v.expires >= 0 { // given as a duration by versions 2 to 4
			v.expires += v.at
		}
		records[i] = offsetRecord(e.id, k.items[i].tp, *v)
	}
	return records
}

// apply makes the offsets visible, in a transaction once it ends, or passes on why
// they could not be stored.
func (k *commit) apply(e *entry, err *kerr.Error) {
	if err == kerr.UnknownServerError { // see storeError
		err = kerr.InvalidCommitOffsetSize
	}
	for _, item := range k.items {
		*item.code = codeOf(err)
		switch {
		case err != nil:
		case k.txn != nil:
			e.pending.set(k.txn.Producer.ID, item.tp, item.value)
		default:
			e.offsets.set(item.tp, item.value)
		}
	}
}

// fail answers every partition with err, except where something is already wrong.
func (k *commit) fail(err *kerr.Error) {
	for _, item := range k.items {
		*item.code = err.Code
	}
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
