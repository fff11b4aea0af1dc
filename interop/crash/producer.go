package crash

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	topic      = "numbers"
	partitions = 4
	recordLen  = 200
	// window is how many records may be unacknowledged: enough that a crash
	// always hits several requests, few enough that the folder stays small.
	window = 2000
)

// producer writes 0, 1, 2, … into each partition. It is the only writer, so the
// record at offset n must hold n.
type producer struct {
	cl   *kgo.Client
	next [partitions]int64 // owned by run

	mu struct {
		sync.Mutex
		acked [partitions]int64 // one past the highest acknowledged number
		err   error             // the first thing that went wrong
	}
}

// newProducer makes an idempotent producer that outlives every crash.
func newProducer(address string) (*producer, error) {
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(address),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MaxBufferedRecords(window),
		kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.RetryBackoffFn(func(int) time.Duration { return 10 * time.Millisecond }),
		kgo.MetadataMinAge(50*time.Millisecond),
		kgo.AlwaysRetryEOF(),
	)
	if err != nil {
		return nil, err
	}
	return &producer{cl: cl}, nil
}

// run produces until ctx ends, then waits for what is under way.
func (p *producer) run(ctx context.Context) error {
	for turn := 0; ctx.Err() == nil; turn++ {
		part := int32(turn % partitions)
		value := make([]byte, recordLen)
		binary.BigEndian.PutUint64(value, uint64(p.next[part]))
		p.next[part]++
		p.cl.Produce(context.WithoutCancel(ctx), &kgo.Record{Topic: topic, Partition: part, Value: value}, p.done)
		if turn%200 == 0 {
			time.Sleep(time.Millisecond) // 200,000 a second at most: a hundred crashes fit the disk
		}
	}
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := p.cl.Flush(flush); err != nil {
		return fmt.Errorf("last records were not acknowledged: %w", err)
	}
	return p.failure()
}

// done checks an acknowledgement: each partition's come in order, and tell the
// offset that the number must have.
func (p *producer) done(r *kgo.Record, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	number := int64(binary.BigEndian.Uint64(r.Value))
	switch {
	case p.mu.err != nil:
	case err != nil:
		p.mu.err = fmt.Errorf("record %d of partition %d was refused: %w", number, r.Partition, err)
	case number != p.mu.acked[r.Partition] || r.Offset != number:
		p.mu.err = fmt.Errorf("record %d of partition %d was acknowledged at offset %d after %d others",
			number, r.Partition, r.Offset, p.mu.acked[r.Partition])
	default:
		p.mu.acked[r.Partition]++
	}
}

// acked tells how many records of each partition are acknowledged by now.
func (p *producer) acked() [partitions]int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.acked
}

func (p *producer) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.err
}
