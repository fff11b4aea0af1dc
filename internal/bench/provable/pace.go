package provable

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// tick is how often a paced load sends.
const tick = 10 * time.Millisecond

// paced produces records of a size to the partitions of a topic in turn, at a
// rate, for a time. It tells how many were acknowledged a second.
func paced(ctx context.Context, c *child, topic string, partitions, size, rate int, d time.Duration) (float64, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.kafka), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MaxBufferedRecords(rate), kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	var failed atomic.Pointer[error]
	done := func(_ *kgo.Record, err error) {
		if err != nil {
			failed.CompareAndSwap(nil, &err)
		}
	}
	value := make([]byte, size)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	sent, begin := 0, time.Now()
	for time.Since(begin) < d && ctx.Err() == nil && failed.Load() == nil {
		for due := int(time.Since(begin).Seconds() * float64(rate)); sent < due; sent++ {
			cl.Produce(ctx, &kgo.Record{Topic: topic, Partition: int32(sent % partitions), Value: value}, done)
		}
		<-ticker.C
	}
	err = cl.Flush(ctx)
	if f := failed.Load(); f != nil {
		err = errors.Join(err, *f)
	}
	return float64(sent) / time.Since(begin).Seconds(), err
}

// withTopic calls do with a new topic on a node.
func withTopic(ctx context.Context, c *child, partitions int, do func(adm *kadm.Client, topic string) error) (err error) {
	adm, err := kadm.NewOptClient(kgo.SeedBrokers(c.kafka))
	if err != nil {
		return err
	}
	defer adm.Close()
	topic := "bench-" + time.Now().Format("150405.000000000")
	if _, err := adm.CreateTopic(ctx, int32(partitions), 1, nil, topic); err != nil {
		return err
	}
	defer func() {
		_, deleted := adm.DeleteTopic(ctx, topic)
		err = errors.Join(err, deleted)
	}()
	return do(adm, topic)
}
