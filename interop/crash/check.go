package crash

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// check reads every partition from the offset in from up to that in to and
// fails unless the record at each offset holds the offset's own number.
func check(ctx context.Context, address string, from, to [partitions]int64) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	start := map[int32]kgo.Offset{}
	for part := range int32(partitions) {
		if from[part] < to[part] {
			start[part] = kgo.NewOffset().At(from[part])
		}
	}
	if len(start) == 0 {
		return nil
	}
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(address),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: start}),
		// An offset that is not there must be an error, not a jump.
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
	)
	if err != nil {
		return err
	}
	defer cl.Close()
	for at := from; !reached(at, to); {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("reading stopped at offsets %v, %v are acknowledged, the log ends at %v: %w",
				at, to, ends(cl), err)
		}
		if err := compare(fetches, &at); err != nil {
			return err
		}
	}
	return nil
}

// ends asks for the end of each partition, -1 where there is no answer.
func ends(cl *kgo.Client) [partitions]int64 {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	end := [partitions]int64{-1, -1, -1, -1}
	listed, err := kadm.NewClient(cl).ListEndOffsets(ctx, topic)
	if err != nil {
		return end
	}
	listed.Each(func(o kadm.ListedOffset) { end[o.Partition] = o.Offset })
	return end
}

func reached(at, to [partitions]int64) bool {
	for part := range at {
		if at[part] < to[part] {
			return false
		}
	}
	return true
}

// compare advances at over the records fetched.
func compare(fetches kgo.Fetches, at *[partitions]int64) (err error) {
	fetches.EachRecord(func(r *kgo.Record) {
		number := int64(binary.BigEndian.Uint64(r.Value))
		if err == nil && (r.Offset != at[r.Partition] || number != r.Offset) {
			err = fmt.Errorf("partition %d: offset %d holds record %d, expected offset and record %d",
				r.Partition, r.Offset, number, at[r.Partition])
		}
		at[r.Partition]++
	})
	return err
}
