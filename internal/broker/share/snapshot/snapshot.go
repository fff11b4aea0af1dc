package snapshot

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kbin"

	"github.com/evidentlog/evident/internal/broker/share/window"
)

// valueVersion is the only version of values.
const valueVersion = 0

// completedTag is the tag of Snapshot.Completed (KIP-1226).
const completedTag = 0

// Snapshot is a share-partition as it is stored.
type Snapshot struct {
	// Epoch counts the snapshots of the share-partition.
	Epoch int32
	// StateEpoch grows when an administrator sets the start anew.
	StateEpoch int32
	// LeaderEpoch is that of the partition.
	LeaderEpoch int32
	// Start is the offset of the first record that is not finished.
	Start int64
	// Completed is how many records behind it are finished; -1: not known.
	Completed int32
	// Created and Written are times in ms since the epoch.
	Created, Written int64
	// Batches are the records behind Start of which anything is known.
	Batches []window.Batch
}

// AppendTo appends the value of the record.
func (s *Snapshot) AppendTo(b []byte) []byte {
	b = kbin.AppendInt16(b, valueVersion)
	b = kbin.AppendInt32(b, s.Epoch)
	b = kbin.AppendInt32(b, s.StateEpoch)
	b = kbin.AppendInt32(b, s.LeaderEpoch)
	b = kbin.AppendInt64(b, s.Start)
	b = kbin.AppendInt64(b, s.Created)
	b = kbin.AppendInt64(b, s.Written)
	b = kbin.AppendCompactArrayLen(b, len(s.Batches))
	for _, w := range s.Batches {
		b = kbin.AppendInt64(b, w.First)
		b = kbin.AppendInt64(b, w.Last)
		b = kbin.AppendInt8(b, int8(w.State))
		b = kbin.AppendInt16(b, w.Deliveries)
		b = kbin.AppendUvarint(b, 0) // tags
	}
	b = kbin.AppendUvarint(b, 1)
	b = kbin.AppendUvarint(b, completedTag)
	b = kbin.AppendUvarint(b, 4)
	return kbin.AppendInt32(b, s.Completed)
}

// Read reads the value of a record. It keeps nothing of src.
func Read(src []byte) (Snapshot, error) {
	b := kbin.Reader{Src: src}
	if version := b.Int16(); b.Ok() && version != valueVersion {
		return Snapshot{}, fmt.Errorf("%w: value of version %d, only %d is known: run the version of Evident that wrote it, or a newer one", ErrFormat, version, valueVersion)
	}
	s := Snapshot{Epoch: b.Int32(), StateEpoch: b.Int32(), LeaderEpoch: b.Int32(), Start: b.Int64(), Completed: -1}
	s.Created, s.Written = b.Int64(), b.Int64()
	s.Batches = readBatches(&b)
	for range b.Uvarint() {
		tag, size := b.Uvarint(), b.Uvarint()
		value := kbin.Reader{Src: b.Span(int(size))}
		if !b.Ok() {
			break
		}
		if tag == completedTag {
			s.Completed = value.Int32()
		}
	}
	if err := b.Complete(); err != nil {
		return Snapshot{}, fmt.Errorf("%w: value of %d bytes: %w", ErrFormat, len(src), err)
	}
	return s, nil
}

func readBatches(b *kbin.Reader) []window.Batch {
	var batches []window.Batch
	for range b.CompactArrayLen() {
		if !b.Ok() {
			return nil
		}
		batches = append(batches, window.Batch{First: b.Int64(), Last: b.Int64(), State: window.State(b.Int8()), Deliveries: b.Int16()})
		for range b.Uvarint() {
			b.Uvarint()
			b.Span(int(b.Uvarint()))
			if !b.Ok() {
				return nil
			}
		}
	}
	return batches
}
