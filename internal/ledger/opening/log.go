package opening

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
)

// A Log is all of a partition's log, to be read in any order. It is for one
// goroutine.
type Log struct {
	p     *partition
	start int64
}

// Log finds a partition.
func (r *Reader) Log(ctx context.Context, topic string, number int32) (*Log, error) {
	p, err := r.find(ctx, Place{Topic: topic, Partition: number})
	if err != nil {
		return nil, fmt.Errorf("%s/%d: %w", topic, number, err)
	}
	starts, err := kadm.NewClient(r.Client).ListStartOffsets(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("%s/%d: %w", topic, number, err)
	}
	first, ok := starts.Lookup(topic, number)
	if !ok || first.Err != nil {
		return nil, fmt.Errorf("the first offset of %s/%d: %w", topic, number, errors.Join(ErrNoRecord, first.Err))
	}
	return &Log{p, first.Offset}, nil
}

// TopicID is the topic's, as origins have it.
func (l *Log) TopicID() string { return base64.RawURLEncoding.EncodeToString(l.p.topicID[:]) }

// Start is the first offset as it was when the log was found.
func (l *Log) Start() int64 { return l.start }

// Batches returns what stands from an offset on, uncommitted and control records too:
// batches of which the last may be cut short, none where the log does not go.
func (l *Log) Batches(ctx context.Context, offset int64) ([]byte, error) {
	found, err := l.p.ask(ctx, offset, fetchBytes, 0)
	if errors.Is(err, ErrNoRecord) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s/%d from offset %d on: %w", l.p.topic, l.p.number, offset, err)
	}
	return found.RecordBatches, nil
}
