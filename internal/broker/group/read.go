package group

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/consumer"
	"github.com/evidentlog/evident/internal/broker/group/share"
	"github.com/evidentlog/evident/internal/broker/statetopic"
	"github.com/evidentlog/evident/internal/log/batch"
)

// visitor is told what the records of __consumer_offsets say, in log order. A
// nil value is a tombstone. Values may alias the batch.
type visitor interface {
	offset(group string, tp topicPartition, value *kmsg.OffsetCommitValue, at place)
	ended(batch.Marker)
	group(id string, value *kmsg.GroupMetadataValue)
	consumer(group string, key, value []byte) error
	share(group string, key, value []byte) error
}

// place is where a record lies.
type place struct {
	offset     int64
	producerID int64 // of the transaction that it belongs to, or batch.NoProducerID
}

// readBatches passes the records of whole batches to v. Keys of kinds that are not
// known here are passed over, as Kafka does.
func readBatches(codecs *batch.Codecs, raw []byte, v visitor) error {
	return statetopic.EachBatch(raw, func(b batch.Batch) error {
		if b.Attributes().Control() {
			if m, ok := b.Marker(); ok {
				v.ended(m)
			}
			return nil
		}
		at := place{producerID: batch.NoProducerID}
		if b.Attributes().Transactional() {
			at.producerID = b.ProducerID()
		}
		return statetopic.EachRecord(codecs, b, func(r batch.Record) error {
			at.offset = r.Offset
			return readRecord(r, at, v)
		})
	})
}

func readRecord(r batch.Record, at place, v visitor) error {
	key := kbin.Reader{Src: r.Key}
	version := key.Int16()
	switch {
	case !key.Ok():
		return fmt.Errorf("key of %d bytes: %w", len(r.Key), key.Complete())
	case version == 0, version == offsetKeyVersion:
		return readOffset(r, at, v)
	case version == groupKeyVersion:
		return readMetadata(r, v)
	case consumer.IsKey(version):
		return readConsumer(r, v)
	case share.IsKey(version):
		return readShare(r, v)
	}
	return nil
}

func readConsumer(r batch.Record, v visitor) error {
	group, err := consumer.KeyGroup(r.Key)
	if err != nil {
		return fmt.Errorf("key of a consumer group: %w", err)
	}
	if err := v.consumer(group, r.Key, r.Value); err != nil {
		return fmt.Errorf("consumer group %q: %w", group, err)
	}
	return nil
}

func readShare(r batch.Record, v visitor) error {
	group, err := consumer.KeyGroup(r.Key) // all keys begin alike
	if err != nil {
		return fmt.Errorf("key of a share group: %w", err)
	}
	if err := v.share(group, r.Key, r.Value); err != nil {
		return fmt.Errorf("share group %q: %w", group, err)
	}
	return nil
}

func readOffset(r batch.Record, at place, v visitor) error {
	var key kmsg.OffsetCommitKey
	if err := key.ReadFrom(r.Key); err != nil {
		return fmt.Errorf("key of an offset: %w", err)
	}
	tp := topicPartition{key.Topic, key.Partition}
	if r.Value == nil {
		v.offset(key.Group, tp, nil, at)
		return nil
	}
	value := kmsg.NewOffsetCommitValue()
	if err := statetopic.ReadVersioned(r.Value, offsetValueWithTopicID, &value); err != nil {
		return fmt.Errorf("offset of group %q in %s-%d: %w", key.Group, tp.topic, tp.partition, err)
	}
	if value.Version < offsetValueWithEpoch {
		value.LeaderEpoch = -1
	}
	if value.Version != offsetValueWithExpiry || value.ExpireTimestamp < 0 {
		value.ExpireTimestamp = -1
	}
	v.offset(key.Group, tp, &value, at)
	return nil
}

func readMetadata(r batch.Record, v visitor) error {
	var key kmsg.GroupMetadataKey
	if err := key.ReadFrom(r.Key); err != nil {
		return fmt.Errorf("key of a group: %w", err)
	}
	if r.Value == nil {
		v.group(key.Group, nil)
		return nil
	}
	value := kmsg.NewGroupMetadataValue()
	if err := statetopic.ReadVersioned(r.Value, groupValueMax, &value); err != nil {
		return fmt.Errorf("metadata of group %q: %w", key.Group, err)
	}
	v.group(key.Group, &value)
	return nil
}
