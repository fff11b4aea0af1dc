package broker

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// sharer is a member of a share group that reads partition 0 of one topic, over
// a connection without a client behind it.
type sharer struct {
	*raw
	group, id string
	topic     [16]byte
	member    int32 // epoch of the membership
	session   int32 // epoch of the next request of the share session
}

// newSharer is a member that has not joined yet.
func newSharer(c *raw, group, id string, topic [16]byte) *sharer {
	return &sharer{raw: c, group: group, id: id, topic: topic}
}

// beat joins the group, or says that the member is still there.
func (m *sharer) beat(topic string) error {
	req := kmsg.NewPtrShareGroupHeartbeatRequest()
	req.Version, req.GroupID, req.MemberID, req.MemberEpoch = 1, m.group, m.id, m.member
	if m.member == 0 {
		req.SubscribedTopicNames = []string{topic}
	}
	resp := ask[*kmsg.ShareGroupHeartbeatResponse](m.raw, req)
	if resp.ErrorCode != 0 {
		return kerr.ErrorForCode(resp.ErrorCode)
	}
	m.member = resp.MemberEpoch
	return nil
}

// shareAck is an acknowledgement of one record.
type shareAck struct {
	offset int64
	typ    int8
}

// delivery is a record that a member was given.
type delivery struct {
	offset int64
	count  int16
}

// fetch asks for at most n records, without waiting, and acknowledges others. The
// errors are that of the fetch and that of the acknowledgements.
func (m *sharer) fetch(n int, acks ...shareAck) (got []delivery, fetchErr, ackErr error) {
	req := kmsg.NewPtrShareFetchRequest()
	req.Version, req.GroupID, req.MemberID, req.ShareSessionEpoch = 2, &m.group, &m.id, m.session
	req.MaxBytes, req.MaxRecords, req.ShareAcquireMode = 1<<20, int32(n), 1
	rp := kmsg.NewShareFetchRequestTopicPartition()
	for _, a := range acks {
		rp.AcknowledgementBatches = append(rp.AcknowledgementBatches, kmsg.ShareFetchRequestTopicPartitionAcknowledgementBatch{
			FirstOffset: a.offset, LastOffset: a.offset, AcknowledgeTypes: []int8{a.typ}})
	}
	req.Topics = []kmsg.ShareFetchRequestTopic{{TopicID: m.topic, Partitions: []kmsg.ShareFetchRequestTopicPartition{rp}}}
	resp := ask[*kmsg.ShareFetchResponse](m.raw, req)
	if resp.ErrorCode != 0 {
		err := kerr.ErrorForCode(resp.ErrorCode)
		return nil, err, err
	}
	m.session++
	if len(resp.Topics) == 0 {
		return nil, nil, nil
	}
	p := resp.Topics[0].Partitions[0]
	for _, r := range p.AcquiredRecords {
		for offset := r.FirstOffset; offset <= r.LastOffset; offset++ {
			got = append(got, delivery{offset, r.DeliveryCount})
		}
	}
	return got, kerr.ErrorForCode(p.ErrorCode), kerr.ErrorForCode(p.AcknowledgeErrorCode)
}

// acknowledge acknowledges records, in order of offset.
func (m *sharer) acknowledge(acks ...shareAck) error {
	req := kmsg.NewPtrShareAcknowledgeRequest()
	req.Version, req.GroupID, req.MemberID, req.ShareSessionEpoch = 2, &m.group, &m.id, m.session
	rp := kmsg.NewShareAcknowledgeRequestTopicPartition()
	for _, a := range acks {
		rp.AcknowledgementBatches = append(rp.AcknowledgementBatches, kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{
			FirstOffset: a.offset, LastOffset: a.offset, AcknowledgeTypes: []int8{a.typ}})
	}
	req.Topics = []kmsg.ShareAcknowledgeRequestTopic{{TopicID: m.topic, Partitions: []kmsg.ShareAcknowledgeRequestTopicPartition{rp}}}
	resp := ask[*kmsg.ShareAcknowledgeResponse](m.raw, req)
	if resp.ErrorCode != 0 {
		return kerr.ErrorForCode(resp.ErrorCode)
	}
	m.session++
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return errors.New("nothing is said of the partition")
	}
	return kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
}
