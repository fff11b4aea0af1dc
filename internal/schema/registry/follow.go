package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// watchEvery is how often a topic that is read is looked at.
const watchEvery = 5 * time.Second

// follow reads the topic until ctx ends, or with [errAnew] until it is another. It reads
// what is not committed, too, as Confluent's registry does: the two must see the same.
func (r *Registry) follow(ctx context.Context, rd *reading) error {
	client, err := r.cfg.Client(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{Topic: {0: kgo.NewOffset().AtStart()}}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), // what was read is over then, see lost
		kgo.KeepControlRecords(),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err := rd.take(fetches.Records(), r.passOver); err != nil {
			return err
		}
		for _, e := range fetches.Errors() {
			if err := rd.lost(ctx, client, e.Err); err != nil {
				return err
			}
			r.cfg.Logger.Warn("what is registered cannot be read, and is tried again", "topic", Topic, "error", e.Err)
			rest(ctx)
		}
	}
}

// passOver tells of a record that cannot be read.
func (r *Registry) passOver(rec *kgo.Record, err error) {
	r.cfg.Metrics.refused.Inc()
	r.cfg.Logger.Error("a record of the topic of schemas is passed over", "topic", Topic, "offset", rec.Offset, "error", err)
}

// lost tells whether an error of reading is one after which the topic has to be read
// anew: it is another one, or has lost records that were read (KIP-320). The client by
// itself would go on where the topic ends now, or ask for an id for ever that is gone.
func (rd *reading) lost(ctx context.Context, client *kgo.Client, err error) error {
	var loss *kgo.ErrDataLoss
	if errors.As(err, &loss) || errors.Is(err, kerr.OffsetOutOfRange) {
		return fmt.Errorf("%w: %w", errAnew, err)
	}
	if gone := rd.gone(ctx, client); gone != nil {
		return fmt.Errorf("%w: %w", gone, err)
	}
	return nil
}

// gone is [errAnew] if the topic was deleted, or is another by now.
func (rd *reading) gone(ctx context.Context, client *kgo.Client) error {
	t, err := describe(ctx, client)
	switch {
	case err != nil:
		return nil // nobody can tell
	case t.ErrorCode == kerr.UnknownTopicOrPartition.Code:
		return fmt.Errorf("%w: it was deleted", errAnew)
	case t.ErrorCode == 0 && t.TopicID != rd.topic:
		return fmt.Errorf("%w: its id was %x, and is %x", errAnew, rd.topic, t.TopicID)
	}
	return nil
}

// watch looks whether the topic is still the one that is read: now and then, since a
// client that waits for records of a topic may not be told, and when somebody doubts it.
func (rd *reading) watch(ctx context.Context, client *kgo.Client) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-rd.doubt:
		case <-tick.C:
		}
		if err := rd.gone(ctx, client); err != nil {
			return err
		}
	}
}

// suspect has the topic looked at.
func (rd *reading) suspect() {
	select {
	case rd.doubt <- struct{}{}:
	default: // it is about to be
	}
}

// readAll shows a reading when it has all that there was when it began.
func (r *Registry) readAll(ctx context.Context, client *kgo.Client, rd *reading) {
	for ctx.Err() == nil {
		err := rd.catchUp(ctx, client)
		if err == nil {
			r.show(rd)
			return
		}
		rest(ctx)
	}
}

// catchUp waits until all has been read that was written before.
func (rd *reading) catchUp(ctx context.Context, client *kgo.Client) error {
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, Topic)
	if err != nil {
		return err
	}
	end, ok := ends.Lookup(Topic, 0)
	switch {
	case !ok:
		return fmt.Errorf("the cluster does not say where %s ends", Topic)
	case end.Err != nil:
		return fmt.Errorf("where %s ends: %w", Topic, end.Err)
	}
	return rd.await(ctx, end.Offset-1)
}
