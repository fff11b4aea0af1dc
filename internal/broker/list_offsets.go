package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/log"
)

// Timestamps with a meaning of their own, and the version that brought each.
const (
	latestOffset        = -1
	earliestOffset      = -2
	maxTimestamp        = -3 // KIP-734, version 7
	earliestLocalOffset = -4 // KIP-405, version 8
	latestTieredOffset  = -5 // KIP-1005, version 9
	pendingUploadOffset = -6 // KIP-1023, version 11
)

var listOffsetsSince = map[int64]int16{
	latestOffset: 0, earliestOffset: 0, maxTimestamp: 7, earliestLocalOffset: 8, latestTieredOffset: 9, pendingUploadOffset: 11,
}

func (b *Broker) listOffsets(_ context.Context, _ *call, req *kmsg.ListOffsetsRequest) kmsg.Response {
	resp := reply[*kmsg.ListOffsetsResponse](req)
	topics := b.store.Snapshot()
	for _, rt := range req.Topics {
		t := topics.Topic(rt.Topic)
		st := kmsg.NewListOffsetsResponseTopic()
		st.Topic = rt.Topic
		asked := make(map[int32]int, len(rt.Partitions))
		for _, rp := range rt.Partitions {
			asked[rp.Partition]++
		}
		answered := make(map[int32]bool, len(asked))
		for _, rp := range rt.Partitions {
			if answered[rp.Partition] { // one that is asked for twice has one answer, as in Kafka
				continue
			}
			answered[rp.Partition] = true
			sp := kmsg.NewListOffsetsResponseTopicPartition()
			sp.Partition = rp.Partition
			sp.Offset, sp.Timestamp, sp.LeaderEpoch = -1, -1, -1
			if asked[rp.Partition] > 1 {
				sp.ErrorCode = kerr.InvalidRequest.Code
			} else {
				sp.ErrorCode, _ = codeOf(listOffset(t, req, &rp, &sp))
			}
			st.Partitions = append(st.Partitions, sp)
		}
		resp.Topics = append(resp.Topics, st)
	}
	return resp
}

// listOffset fills sp.
func listOffset(t *metadata.Topic, req *kmsg.ListOffsetsRequest, rp *kmsg.ListOffsetsRequestTopicPartition, sp *kmsg.ListOffsetsResponseTopicPartition) error {
	p, err := findPartition(t, rp.Partition, rp.CurrentLeaderEpoch)
	if err != nil {
		return err
	}
	if since, ok := listOffsetsSince[rp.Timestamp]; rp.Timestamp < 0 && (!ok || req.Version < since) {
		return refuse(kerr.UnsupportedVersion, "timestamp %d needs another version than %d", rp.Timestamp, req.Version)
	}
	offset, timestamp, ok, err := lookupOffset(p, rp.Timestamp, req.IsolationLevel == readCommitted)
	if err != nil || !ok {
		return err
	}
	sp.Offset, sp.Timestamp, sp.LeaderEpoch = offset, timestamp, p.LeaderEpoch()
	return nil
}

// lookupOffset finds the offset for the time at. One who wants only what is
// decided (committed) is not told of what lies beyond.
func lookupOffset(p *log.Partition, at int64, committed bool) (offset, timestamp int64, ok bool, err error) {
	switch at {
	case latestOffset:
		if committed {
			return p.LastStableOffset(), -1, true, nil
		}
		return p.HighWatermark(), -1, true, nil
	case earliestOffset, earliestLocalOffset:
		return p.LogStart(), -1, true, nil
	case latestTieredOffset, pendingUploadOffset: // nothing is tiered
		return 0, 0, false, nil
	case maxTimestamp:
		offset, timestamp, ok, err = p.MaxTimestamp()
	default:
		offset, timestamp, ok, err = p.OffsetForTime(at)
	}
	return offset, timestamp, ok && (!committed || offset < p.LastStableOffset()), err
}

// findPartition returns the partition if there is one that is served and the
// client's leader epoch, unless negative, is right (KIP-320).
func findPartition(t *metadata.Topic, number, epoch int32) (*log.Partition, error) {
	if t == nil || t.Partition(number) == nil {
		return nil, refuse(kerr.UnknownTopicOrPartition, "there is no such partition")
	}
	p := t.Partition(number)
	switch current := p.LeaderEpoch(); {
	case epoch >= 0 && epoch < current:
		return nil, refuse(kerr.FencedLeaderEpoch, "leader epoch is %d, not %d", current, epoch)
	case epoch >= 0 && epoch > current:
		return nil, refuse(kerr.UnknownLeaderEpoch, "leader epoch is %d, not %d", current, epoch)
	}
	return p, nil
}
