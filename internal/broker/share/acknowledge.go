package share

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/groupconfig"
	"github.com/evidentlog/evident/internal/broker/share/window"
	"github.com/evidentlog/evident/internal/log"
)

// Acknowledge answers ShareAcknowledge (versions 1 and 2) when what it says is
// durable.
func (c *Coordinator) Acknowledge(ctx context.Context, req *kmsg.ShareAcknowledgeRequest) (*kmsg.ShareAcknowledgeResponse, error) {
	resp := req.ResponseKind().(*kmsg.ShareAcknowledgeResponse)
	key := sessionKey{deref(req.GroupID), deref(req.MemberID)}
	settings := c.cfg.Settings(key.group)
	closed, err := c.beginAcknowledge(key, req)
	if err != nil {
		resp.ErrorCode = err.Code
		return resp, nil
	}
	resp.AcquisitionLockTimeoutMillis = int32(settings.RecordLock.Milliseconds())
	k := acknowledging{c: c, key: key, settings: settings, renew: req.Version >= 2 && req.IsRenewAck, now: time.Now()}
	var flushes []*flush
	var codes []*int16
	for i := range req.Topics {
		rt := &req.Topics[i]
		st := kmsg.NewShareAcknowledgeResponseTopic()
		st.TopicID = rt.TopicID
		st.Partitions = make([]kmsg.ShareAcknowledgeResponseTopicPartition, len(rt.Partitions))
		for j := range rt.Partitions {
			rp, sp := &rt.Partitions[j], &st.Partitions[j]
			sp.Default()
			sp.Partition, sp.CurrentLeader.LeaderID, sp.CurrentLeader.LeaderEpoch = rp.Partition, -1, -1
			f, err := k.acknowledge(place{rt.TopicID, rp.Partition}, ackBatches(rp.AcknowledgementBatches))
			sp.ErrorCode = codeOf(err)
			if f != nil {
				flushes, codes = append(flushes, f), append(codes, &sp.ErrorCode)
			}
		}
		resp.Topics = append(resp.Topics, st)
	}
	return resp, c.endAcknowledge(ctx, closed, flushes, codes)
}

// beginAcknowledge checks the request and its session. If the request closes it,
// it returns it.
func (c *Coordinator) beginAcknowledge(key sessionKey, req *kmsg.ShareAcknowledgeRequest) (closed *session, err *kerr.Error) {
	switch {
	case key.group == "", key.member == "", len(key.member) > maxMemberID:
		return nil, kerr.InvalidRequest
	case req.ShareSessionEpoch == openSession:
		return nil, kerr.InvalidShareSessionEpoch
	case req.ShareSessionEpoch == closeSession:
		if closed = c.sessions.remove(key); closed == nil {
			return nil, kerr.ShareSessionNotFound
		}
		return closed, nil
	}
	_, err = c.sessions.resume(key, req.ShareSessionEpoch)
	return nil, err
}

// endAcknowledge waits until all is durable, and notes what is not.
func (c *Coordinator) endAcknowledge(ctx context.Context, closed *session, flushes []*flush, codes []*int16) error {
	if closed != nil {
		c.end(closed, false)
	}
	for i, f := range flushes {
		err := f.wait(ctx)
		if err != nil && ctx.Err() != nil {
			return err
		}
		*codes[i] = codeOf(err)
	}
	return nil
}

func ackBatches(batches []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch) []window.Ack {
	acks := make([]window.Ack, len(batches))
	for i, b := range batches {
		acks[i] = window.Ack{First: b.FirstOffset, Last: b.LastOffset, Types: b.AcknowledgeTypes}
	}
	return acks
}

// acknowledging is acknowledgements of one member.
type acknowledging struct {
	c        *Coordinator
	key      sessionKey
	settings groupconfig.Settings
	renew    bool // the request may renew locks
	now      time.Time
}

// acknowledge takes the acknowledgements for one partition and returns the flush
// that makes them durable.
func (k *acknowledging) acknowledge(at place, acks []window.Ack) (*flush, error) {
	p, err := k.c.lookup(k.key.group, at)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.unlock()
	err = p.mu.window.Acknowledge(window.Acknowledgement{
		Member: k.key.member, Until: k.now.Add(k.settings.RecordLock), Renew: k.renew, Renewable: k.settings.Renew, Fate: fate(k.settings),
	}, acks)
	if err != nil || k.renew && onlyRenews(acks) {
		return nil, err
	}
	return p.changed(), nil
}

// onlyRenews tells if there is nothing to be stored.
func onlyRenews(acks []window.Ack) bool {
	for _, a := range acks {
		for _, t := range a.Types {
			if t != window.Renew {
				return false
			}
		}
	}
	return true
}

// lookup finds a share-partition, or says why there is none.
func (c *Coordinator) lookup(group string, at place) (*partition, error) {
	if p := c.find(group, at); p != nil && !p.isGone() {
		return p, nil
	}
	if _, ok := c.cfg.Topics.Topic(at.topic); !ok {
		return nil, kerr.UnknownTopicID
	}
	key := snapshotKey(group, at)
	if c.topic.Partitions() > 0 && c.topic.Check(key.String()) != nil {
		return nil, ErrStorage // it is still being read
	}
	return nil, kerr.UnknownTopicOrPartition
}

// acknowledge takes the acknowledgements that come with a fetch.
func (f *fetching) acknowledge() {
	k := acknowledging{c: f.c, key: f.key, settings: f.settings, renew: f.renews(), now: time.Now()}
	for i := range f.req.Topics {
		rt := &f.req.Topics[i]
		for j := range rt.Partitions {
			rp := &rt.Partitions[j]
			if len(rp.AcknowledgementBatches) == 0 {
				continue
			}
			at := place{rt.TopicID, rp.Partition}
			acks := make([]window.Ack, len(rp.AcknowledgementBatches))
			for n, b := range rp.AcknowledgementBatches {
				acks[n] = window.Ack{First: b.FirstOffset, Last: b.LastOffset, Types: b.AcknowledgeTypes}
			}
			fl, err := k.acknowledge(at, acks)
			f.result(at).AckCode = codeOf(err)
			if fl != nil {
				f.flushes[at] = fl
			}
		}
	}
}

// codes maps errors to Kafka's.
var codes = []struct {
	err  error
	code *kerr.Error
}{
	{window.ErrInvalidAck, kerr.InvalidRequest},
	{window.ErrNotAcquired, kerr.InvalidRecordState},
	{window.ErrNotRenewable, kerr.InvalidRecordState},
	{ErrStorage, kerr.KafkaStorageError},
	{log.ErrStorage, kerr.KafkaStorageError},
	{log.ErrCorruption, kerr.KafkaStorageError},
	{log.ErrDeleted, kerr.UnknownTopicID},
	{log.ErrClosed, kerr.NotLeaderForPartition},
}

// codeOf is the Kafka error code of err; 0 for nil.
func codeOf(err error) int16 {
	if err == nil {
		return 0
	}
	var code *kerr.Error
	if errors.As(err, &code) {
		return code.Code
	}
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code.Code
		}
	}
	return kerr.UnknownServerError.Code
}
