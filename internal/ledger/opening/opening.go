// Package opening reads what a proof shows: the record at an offset, as a
// Kafka cluster has it, and the marker that committed its transaction.
package opening

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/internal/ledger/fetch"
	"github.com/evidentlog/evident/internal/ledger/leaves"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/proof"
)

// Errors of [Reader.Read].
var (
	// ErrNoRecord says that nothing stands at an offset.
	ErrNoRecord = errors.New("there is no record")
	// ErrNotCommitted says that a record is part of a transaction that was
	// aborted, or has not ended.
	ErrNotCommitted = errors.New("the record is not committed")
)

// A Reader reads records of a cluster.
type Reader struct {
	Client *kgo.Client
	codecs batch.Codecs
}

// A Place is an offset of a partition.
type Place struct {
	Topic     string
	Partition int32
	Offset    int64
}

func (p Place) String() string { return fmt.Sprintf("%s/%d@%d", p.Topic, p.Partition, p.Offset) }

// fetchBytes is how much of a log is read at once.
const fetchBytes = 4 << 20

// Read returns the record at a place, followed by the marker that committed it
// if it is part of a transaction, and the topic's id as origins have it.
func (r *Reader) Read(ctx context.Context, at Place) (topicID string, records []ledger.Opened, err error) {
	p, err := r.find(ctx, at)
	if err != nil {
		return "", nil, fmt.Errorf("%v: %w", at, err)
	}
	records, err = p.read(ctx, at.Offset)
	if err != nil {
		return "", nil, fmt.Errorf("%v: %w", at, err)
	}
	return base64.RawURLEncoding.EncodeToString(p.topicID[:]), records, nil
}

// A partition is where to fetch from.
type partition struct {
	*Reader
	topic   string
	topicID [16]byte
	number  int32
	leader  int32
}

func (r *Reader) find(ctx context.Context, at Place) (*partition, error) {
	t, err := r.metadata(ctx, at.Topic)
	if err != nil {
		return nil, err
	}
	for _, p := range t.Partitions {
		if p.Partition == at.Partition {
			return &partition{r, at.Topic, t.TopicID, p.Partition, p.Leader}, kerr.ErrorForCode(p.ErrorCode)
		}
	}
	return nil, fmt.Errorf("%w: the topic has %d partitions, from 0 on", ErrNoRecord, len(t.Partitions))
}

// metadata asks the cluster about a topic: the client may not know yet what there is.
func (r *Reader) metadata(ctx context.Context, topic string) (*kmsg.MetadataResponseTopic, error) {
	req := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = &topic
	req.Topics = append(req.Topics, t)
	req.AllowAutoTopicCreation = false
	resp, err := req.RequestWith(ctx, r.Client)
	if err != nil {
		return nil, err
	}
	if len(resp.Topics) != 1 {
		return nil, fmt.Errorf("the cluster told of %d topics, when asked for one", len(resp.Topics))
	}
	err = kerr.ErrorForCode(resp.Topics[0].ErrorCode)
	if errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.InvalidTopicException) {
		return nil, fmt.Errorf("%w: there is no such topic, %q", ErrNoRecord, topic)
	}
	return &resp.Topics[0], err
}

// read asks for little at first: brokers send the first batch whole, which is the
// one that has the offset.
func (p *partition) read(ctx context.Context, offset int64) ([]ledger.Opened, error) {
	records, err := p.readWithin(ctx, offset, scanLeast)
	if records == nil && err == nil {
		records, err = p.readWithin(ctx, offset, fetchBytes)
	}
	if records == nil && err == nil {
		err = ErrNoRecord
	}
	return records, err
}

// readWithin reads what is at an offset; none if so much of the log does not have it.
func (p *partition) readWithin(ctx context.Context, offset int64, most int32) ([]ledger.Opened, error) {
	batches, err := p.fetch(ctx, offset, most)
	if err != nil {
		return nil, err
	}
	for b := batches; len(b) > 0; {
		first, rest, err := batch.Next(b)
		if err != nil {
			break
		}
		if offset > first.LastOffset() {
			b = rest
			continue
		}
		found, err := p.recordIn(first, offset)
		if err != nil {
			return nil, err
		}
		if found.Record.Kind != proof.Data || !found.Record.Transactional {
			return []ledger.Opened{found}, nil
		}
		marker, err := p.marker(ctx, first)
		return []ledger.Opened{found, marker}, err
	}
	return nil, nil
}

// recordIn opens the record at an offset of a batch.
func (p *partition) recordIn(b batch.Batch, offset int64) (ledger.Opened, error) {
	if err := b.Check(); err != nil {
		return ledger.Opened{}, err
	}
	for r, err := range p.codecs.Records(b) {
		if err != nil {
			return ledger.Opened{}, err
		}
		if r.Offset == offset {
			return ledger.Opened{Offset: offset, Record: leaves.Open(b, r)}, nil
		}
	}
	return ledger.Opened{}, fmt.Errorf("%w: it was removed by compaction, or there never was one", ErrNoRecord)
}

// marker finds the marker that ended the transaction of a batch.
func (p *partition) marker(ctx context.Context, of batch.Batch) (ledger.Opened, error) {
	most := int32(scanLeast)
	for next := of.NextOffset(); ; most = min(2*most, fetchBytes) {
		batches, err := p.fetch(ctx, next, most)
		if err != nil {
			return ledger.Opened{}, err
		}
		before := next
		for b := batches; len(b) > 0; {
			first, rest, err := batch.Next(b)
			if err != nil {
				break
			}
			if m, ok := first.Marker(); ok && first.ProducerID() == of.ProducerID() {
				if !m.Commit {
					return ledger.Opened{}, fmt.Errorf("%w: its transaction was aborted at offset %d", ErrNotCommitted, first.BaseOffset())
				}
				return p.recordIn(first, first.BaseOffset())
			}
			next, b = first.NextOffset(), rest
		}
		if next == before {
			return ledger.Opened{}, fmt.Errorf("%w: its transaction has not ended", ErrNotCommitted)
		}
	}
}

// fetch reads about so many bytes of batches from an offset on, at least one batch;
// none if it is the log's end.
func (p *partition) fetch(ctx context.Context, offset int64, most int32) ([]byte, error) {
	found, err := p.ask(ctx, offset, most, 0)
	if err != nil {
		return nil, err
	}
	return found.RecordBatches, nil
}

// ask fetches from an offset on.
func (p *partition) ask(ctx context.Context, offset int64, most int32, isolation int8) (*kmsg.FetchResponseTopicPartition, error) {
	at := fetch.Partition{Client: p.Client, Leader: p.leader, Topic: p.topic, ID: p.topicID, Number: p.number}
	found, err := at.Read(ctx, offset, most, isolation)
	if errors.Is(err, kerr.OffsetOutOfRange) {
		return nil, fmt.Errorf("%w: offset %d is before the log's start or behind its end", ErrNoRecord, offset)
	}
	return found, err
}
