package banktest

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Check reads all committed entries and compares them with the orders. Run has
// returned before.
func (b *Bank) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	ends, err := b.settledEnds(ctx)
	if err != nil {
		return err
	}
	entries, err := b.read(ctx, ends)
	if err != nil {
		return err
	}
	return b.compare(entries)
}

// settledEnds waits until no transaction is open, and returns where the
// partitions of entries end.
func (b *Bank) settledEnds(ctx context.Context) (map[int32]int64, error) {
	for {
		stable, err := b.admin.ListCommittedOffsets(ctx, b.names.entries)
		if err != nil {
			return nil, err
		}
		all, err := b.admin.ListEndOffsets(ctx, b.names.entries)
		if err != nil {
			return nil, err
		}
		open := false
		ends := map[int32]int64{}
		all.Each(func(o kadm.ListedOffset) {
			s, _ := stable.Lookup(b.names.entries, o.Partition)
			open = open || s.Offset != o.Offset
			ends[o.Partition] = o.Offset
		})
		if !open {
			return ends, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("a transaction stays open: stable up to %v, the partitions end at %v", stable[b.names.entries], ends)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// read reads committed entries from the start to ends.
func (b *Bank) read(ctx context.Context, ends map[int32]int64) ([]entry, error) {
	cl, err := kgo.NewClient(append(b.options(new(wire)),
		kgo.ConsumeTopics(b.names.entries), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	var entries []entry
	next := map[int32]int64{}
	for !reached(next, ends) {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("entries were read up to %v of %v: %w", next, ends, err)
		}
		for _, r := range fetches.Records() {
			next[r.Partition] = r.Offset + 1
			if r.Attrs.IsControl() {
				continue
			}
			var e entry
			if err := json.Unmarshal(r.Value, &e); err != nil {
				return nil, fmt.Errorf("entry at offset %d of partition %d: %w", r.Offset, r.Partition, err)
			}
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// reached tells whether all has been read: every partition ends with a marker,
// which is a record here.
func reached(next, ends map[int32]int64) bool {
	for p, end := range ends {
		if next[p] < end {
			return false
		}
	}
	return true
}

// compare finds the first order that was not carried out exactly once, and
// adds up all money.
func (b *Bank) compare(entries []entry) error {
	type side struct{ order, account int }
	seen := map[side]int{}
	var sum int64
	for _, e := range entries {
		seen[side{e.Order, e.Account}]++
		sum += e.Amount
	}
	for _, o := range b.orders {
		debits, credits := seen[side{o.ID, o.From}], seen[side{o.ID, o.To}]
		if debits != 1 || credits != 1 {
			return fmt.Errorf("order %+v has %d debits and %d credits; there are %d entries for %d orders, which come to %d",
				o, debits, credits, len(entries), len(b.orders), sum)
		}
	}
	if sum != 0 || len(entries) != 2*len(b.orders) {
		return fmt.Errorf("%d entries for %d orders come to %d", len(entries), len(b.orders), sum)
	}
	return nil
}
