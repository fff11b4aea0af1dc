package processing

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// stampLen is the length of the number that each value begins with.
const stampLen = 8

// fillFlight bounds what is under way while a topic is filled.
const fillFlight = 64 << 20

// withAdmin calls do with a client for administration.
func (c *child) withAdmin(do func(*kadm.Client) error) error {
	adm, err := kadm.NewOptClient(c.options()...)
	if err != nil {
		return err
	}
	defer adm.Close()
	return do(adm)
}

// create makes topics.
func (c *child) create(ctx context.Context, partitions int32, names ...string) error {
	return c.withAdmin(func(adm *kadm.Client) error {
		made, err := adm.CreateTopics(ctx, partitions, -1, nil, names...)
		if err == nil {
			err = made.Error()
		}
		return err
	})
}

// remove removes topics, that the disk is free for what is measured next.
func (c *child) remove(ctx context.Context, names ...string) error {
	return c.withAdmin(func(adm *kadm.Client) error {
		_, err := adm.DeleteTopics(ctx, names...)
		return err
	})
}

// has tells whether there is a topic of that name.
func (c *child) has(ctx context.Context, topic string) (there bool, err error) {
	err = c.withAdmin(func(adm *kadm.Client) error {
		topics, err := adm.ListTopics(ctx, topic)
		there = topics.Has(topic)
		return err
	})
	return there, err
}

// A filler makes the records of a topic, of which those with the same number are the
// same in each run.
type filler struct {
	records int64
	size    int
	keys    int64 // 0: each record has a key of its own
	again   int64 // one in so many has the key of an earlier one all the same; 0: none
}

// lately is how far back the earlier one may be.
const lately = 100_000

// fill writes the records, not in a transaction.
func (c *child) fill(ctx context.Context, topic string, f filler) error {
	cl, err := kgo.NewClient(append(c.options(), kgo.DefaultProduceTopic(topic),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedRecords(math.MaxInt32),
		kgo.MaxBufferedBytes(fillFlight), kgo.ProducerBatchMaxBytes(512<<10))...)
	if err != nil {
		return err
	}
	defer cl.Close()
	var failed atomic.Pointer[error]
	done := func(_ *kgo.Record, err error) {
		if err != nil {
			failed.CompareAndSwap(nil, &err)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 1<<20+f.size)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	for i := int64(0); i < f.records && failed.Load() == nil; i++ {
		cl.Produce(ctx, f.record(i, noise, rng), done)
	}
	err = cl.Flush(ctx)
	if f := failed.Load(); f != nil {
		err = *f
	}
	if err != nil {
		return fmt.Errorf("filling topic %q: %w", topic, err)
	}
	return nil
}

// record is one of the topic: its value begins with its number.
func (f filler) record(i int64, noise []byte, rng *rand.Rand) *kgo.Record {
	b := make([]byte, stampLen+f.size)
	key, value := b[:stampLen:stampLen], b[stampLen:]
	number := i
	switch {
	case f.keys > 0:
		number = rng.Int64N(f.keys)
	case f.again > 0 && i > 0 && i%f.again == 0:
		number -= 1 + rng.Int64N(min(i, lately))
	}
	binary.BigEndian.PutUint64(key, uint64(number))
	copy(value, noise[rng.IntN(1<<20):])
	binary.BigEndian.PutUint64(value, uint64(i))
	return &kgo.Record{Key: key, Value: value}
}
