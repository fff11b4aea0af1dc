package metadata

import (
	"errors"
	"fmt"
	"time"

	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/log/batch"
)

const (
	// batchBytes is how large a batch of metadata records grows before the next is begun.
	batchBytes = 512 << 10
	readBytes  = 1 << 20
)

// partitionID is what Kafka calls METADATA_TOPIC_ID.
var partitionID = log.ID{Topic: PartitionTopic, TopicID: ID{15: 1}}

// partition reads and writes records in the metadata partition.
type partition struct {
	log    *log.Partition
	codecs *batch.Codecs
	now    func() time.Time
}

func openPartition(l *log.Log, now func() time.Time) (*partition, error) {
	s := log.DefaultSettings()
	s.Compact, s.Delete = true, false
	s.SegmentBytes = 16 << 20 // so that compaction, which leaves the newest segment alone, has work
	s.MaxMessageBytes = 16 << 20
	s.TimestampAfter = 1<<63 - 1 // a clock that was set back must not stop changes
	p, err := l.OpenPartition(partitionID, s)
	if err != nil {
		return nil, fmt.Errorf("open the cluster metadata: %w", err)
	}
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("open the cluster metadata: %w", advised(err))
	}
	return &partition{p, new(batch.Codecs), now}, nil
}

// advised adds what can be done about damage.
func advised(err error) error {
	if !errors.Is(err, log.ErrCorruption) {
		return err
	}
	return fmt.Errorf("%w: without it nobody knows which topics there are: restore the data folder from a backup", err)
}

// load reads all records into an image.
func (p *partition) load() (*image, error) {
	m := newImage()
	for at := p.log.LogStart(); at < p.log.HighWatermark(); {
		next, err := p.loadSome(at, m)
		if err != nil {
			return nil, fmt.Errorf("read the cluster metadata from offset %d: %w", at, advised(err))
		}
		at = next
	}
	return m, nil
}

// loadSome applies the whole batches of one read and tells where the next begins.
func (p *partition) loadSome(at int64, m *image) (next int64, err error) {
	slice, err := p.log.Read(at, readBytes, true)
	if err != nil {
		return 0, err
	}
	defer slice.Close()
	raw, err := slice.Bytes()
	if err != nil {
		return 0, err
	}
	for next = at; len(raw) > 0; {
		var b batch.Batch
		if b, raw, err = batch.Next(raw); err != nil {
			if errors.Is(err, batch.ErrShort) && next > at {
				return next, nil // the read ended within this batch
			}
			return 0, err
		}
		if err := p.apply(b, m); err != nil {
			return 0, err
		}
		next = b.LastOffset() + 1
	}
	if next == at {
		return 0, fmt.Errorf("%w: no records below the high watermark %d", log.ErrCorruption, p.log.HighWatermark())
	}
	return next, nil
}

// apply checks a batch, since a start after a clean stop has not, and a topic
// that is misread would lose its folders.
func (p *partition) apply(b batch.Batch, m *image) error {
	if err := b.Check(); err != nil {
		return fmt.Errorf("%w: batch at offset %d: %w", log.ErrCorruption, b.BaseOffset(), err)
	}
	for r, err := range p.codecs.Records(b) {
		if err != nil {
			return err
		}
		if err := m.apply(string(r.Key), r.Value); err != nil {
			return err
		}
	}
	return nil
}

// write appends records and returns when all are durable.
func (p *partition) write(records []record) error {
	batches, err := p.batches(records)
	if err != nil {
		return err
	}
	done := make(chan error, len(batches))
	var failed error
	for i, b := range batches {
		if _, failed = p.log.Append(b, log.AckDurable, func(err error) { done <- err }); failed != nil {
			batches = batches[:i]
			break
		}
	}
	for range batches {
		failed = errors.Join(failed, <-done)
	}
	if failed != nil {
		return fmt.Errorf("write the cluster metadata: %w", failed)
	}
	return nil
}

func (p *partition) batches(records []record) ([][]byte, error) {
	var batches [][]byte
	for len(records) > 0 {
		b := p.codecs.NewBuilder(batch.Head{})
		for len(records) > 0 && b.Size() < batchBytes {
			r := records[0]
			if err := b.Append(batch.Record{Timestamp: p.now().UnixMilli(), Key: []byte(r.key), Value: r.value}); err != nil {
				return nil, fmt.Errorf("metadata record %q: %w", r.key, err)
			}
			records = records[1:]
		}
		raw, err := b.Build()
		if err != nil {
			return nil, err
		}
		batches = append(batches, raw)
	}
	return batches, nil
}
