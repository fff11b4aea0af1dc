package broker

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/log"
)

// toHighWatermark asks to delete all records.
const toHighWatermark = -1

// deleteRecords moves log starts up (KIP-107). It answers when that is durable,
// or when the request's time is up and records are still held.
func (b *Broker) deleteRecords(ctx context.Context, _ *call, req *kmsg.DeleteRecordsRequest) kmsg.Response {
	resp := reply[*kmsg.DeleteRecordsResponse](req)
	topics := b.store.Snapshot()
	offsets := make(map[*log.Partition]int64)
	for _, d := range deletionsOf(req) {
		st := kmsg.NewDeleteRecordsResponseTopic()
		st.Topic = d.topic
		for _, n := range d.partitions {
			sp := kmsg.NewDeleteRecordsResponseTopicPartition()
			sp.Partition, sp.LowWatermark = n, -1
			p, offset, err := deletable(topics.Topic(d.topic), n, d.offsets[n])
			if sp.ErrorCode, _ = codeOf(err); err == nil {
				offsets[p] = offset
			}
			st.Partitions = append(st.Partitions, sp)
		}
		resp.Topics = append(resp.Topics, st)
	}
	failed := b.deleteInTime(ctx, offsets, time.Duration(req.TimeoutMillis)*time.Millisecond)
	for i := range resp.Topics {
		st := &resp.Topics[i]
		for j := range st.Partitions {
			deleted(topics.Topic(st.Topic), &st.Partitions[j], failed)
		}
	}
	return resp
}

// heldFor is how often held records are looked at again.
const heldFor = 50 * time.Millisecond

// deleteInTime raises log starts, and waits for records that are held.
func (b *Broker) deleteInTime(ctx context.Context, offsets map[*log.Partition]int64, patience time.Duration) map[*log.Partition]error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	failed := make(map[*log.Partition]error)
	for {
		held := make(map[*log.Partition]int64)
		for p, err := range b.cfg.Log.DeleteRecords(offsets) {
			failed[p] = err
			if errors.Is(err, log.ErrHeld) {
				held[p] = offsets[p]
			}
		}
		for p := range offsets {
			if _, waits := held[p]; !waits && errors.Is(failed[p], log.ErrHeld) {
				delete(failed, p) // it was held, and is deleted now
			}
		}
		if len(held) == 0 {
			return failed
		}
		select {
		case <-ctx.Done():
			return failed
		case <-time.After(heldFor):
			offsets = held
		}
	}
}

// deletion is what is asked for one topic.
type deletion struct {
	topic      string
	partitions []int32 // each once
	offsets    map[int32]int64
}

// deletionsOf gives each topic and partition of the request once. Of several
// offsets the last one counts, as in Kafka.
func deletionsOf(req *kmsg.DeleteRecordsRequest) []*deletion {
	var list []*deletion
	byTopic := make(map[string]*deletion)
	for _, rt := range req.Topics {
		d := byTopic[rt.Topic]
		if d == nil {
			d = &deletion{topic: rt.Topic, offsets: make(map[int32]int64)}
			byTopic[rt.Topic], list = d, append(list, d)
		}
		for _, rp := range rt.Partitions {
			if _, again := d.offsets[rp.Partition]; !again {
				d.partitions = append(d.partitions, rp.Partition)
			}
			d.offsets[rp.Partition] = rp.Offset
		}
	}
	return list
}

// deletable finds the partition and the offset below which it loses its records.
func deletable(t *metadata.Topic, number int32, offset int64) (*log.Partition, int64, error) {
	p, err := findPartition(t, number, -1)
	switch {
	case err != nil:
		return nil, 0, err
	case t.Internal():
		return nil, 0, refuse(kerr.InvalidTopicException, "topic %s is internal, clients cannot delete its records", t.Name)
	case !p.Settings().Delete:
		return nil, 0, refuse(kerr.PolicyViolation, "the cleanup.policy of %s does not contain delete", t.Name)
	case offset == toHighWatermark:
		return p, p.HighWatermark(), nil
	}
	return p, offset, nil // the log checks it
}

// deleted fills in what became of the partition, unless it was refused before.
func deleted(t *metadata.Topic, sp *kmsg.DeleteRecordsResponseTopicPartition, failed map[*log.Partition]error) {
	if sp.ErrorCode != 0 {
		return
	}
	p := t.Partition(sp.Partition)
	if sp.ErrorCode, _ = codeOf(failed[p]); sp.ErrorCode == 0 {
		sp.LowWatermark = p.LogStart()
	}
}
