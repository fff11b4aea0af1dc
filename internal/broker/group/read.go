package group

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/consumer"
	"github.com/evidentlog/evident/internal/log/batch"
)

// errVersion means that a value was written by a later Kafka or Evident.
var errVersion = errors.New("unknown version")

// visitor is told what the records of __consumer_offsets say, in log order. A
// nil value is a tombstone. Values may alias the batch.
type visitor interface {
	offset(group string, tp topicPartition, value *kmsg.OffsetCommitValue)
	group(id string, value *kmsg.GroupMetadataValue)
	consumer(group string, key, value []byte) error
}

// readBatches passes the records of whole batches to v. Control batches, and
// keys of kinds that are not known here, are passed over, as Kafka does.
func readBatches(codecs *batch.Codecs, raw []byte, v visitor) error {
	for len(raw) > 0 {
		b, rest, err := batch.Next(raw)
		if err != nil {
			return err
		}
		raw = rest
		if err := b.Check(); err != nil { // not done by a start after a clean stop
			return fmt.Errorf("batch at offset %d: %w", b.BaseOffset(), err)
		}
		if b.Attributes().Control() {
			continue
		}
		for r, err := range codecs.Records(b) {
			if err != nil {
				return fmt.Errorf("batch at offset %d: %w", b.BaseOffset(), err)
			}
			if err := readRecord(r, v); err != nil {
				return fmt.Errorf("record at offset %d: %w", r.Offset, err)
			}
		}
	}
	return nil
}

func readRecord(r batch.Record, v visitor) error {
	key := kbin.Reader{Src: r.Key}
	version := key.Int16()
	switch {
	case !key.Ok():
		return fmt.Errorf("key of %d bytes: %w", len(r.Key), key.Complete())
	case version == 0, version == offsetKeyVersion:
		return readOffset(r, v)
	case version == groupKeyVersion:
		return readMetadata(r, v)
	case consumer.IsKey(version):
		return readConsumer(r, v)
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

func readOffset(r batch.Record, v visitor) error {
	var key kmsg.OffsetCommitKey
	if err := key.ReadFrom(r.Key); err != nil {
		return fmt.Errorf("key of an offset: %w", err)
	}
	tp := topicPartition{key.Topic, key.Partition}
	if r.Value == nil {
		v.offset(key.Group, tp, nil)
		return nil
	}
	value := kmsg.NewOffsetCommitValue()
	if err := readVersioned(r.Value, offsetValueWithTopicID, &value); err != nil {
		return fmt.Errorf("offset of group %q in %s-%d: %w", key.Group, tp.topic, tp.partition, err)
	}
	if value.Version < offsetValueWithEpoch {
		value.LeaderEpoch = -1
	}
	if value.Version != offsetValueWithExpiry || value.ExpireTimestamp < 0 {
		value.ExpireTimestamp = -1
	}
	v.offset(key.Group, tp, &value)
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
	if err := readVersioned(r.Value, groupValueMax, &value); err != nil {
		return fmt.Errorf("metadata of group %q: %w", key.Group, err)
	}
	v.group(key.Group, &value)
	return nil
}

// readVersioned reads a value that begins with its version.
func readVersioned(src []byte, highest int16, value interface{ ReadFrom([]byte) error }) error {
	b := kbin.Reader{Src: src}
	if version := b.Int16(); b.Ok() && (version < 0 || version > highest) {
		return fmt.Errorf("%w %d, the highest known is %d", errVersion, version, highest)
	}
	return value.ReadFrom(src)
}
