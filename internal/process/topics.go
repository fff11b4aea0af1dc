package process

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/process/txn"
)

// prepare waits until the inputs are there, and tells how many partitions each has.
func (r *Run) prepare(ctx context.Context) (partitions int32, err error) {
	adm := kadm.NewClient(r.asker)
	for failures := 0; ; failures++ {
		if partitions, err = r.copartitioned(ctx, adm); err == nil {
			break
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		r.stands(fmt.Errorf("it waits for its inputs: %w", err))
		r.log.Log(ctx, levelOf(failures), "the processor waits for its inputs", "error", err)
		pause(ctx, min(backoff(failures), time.Second))
	}
	if !r.p.stateful() {
		return partitions, r.openBegun()
	}
	return partitions, r.makeChangelog(ctx, adm, partitions)
}

// copartitioned is how many partitions each of the inputs has.
func (r *Run) copartitioned(ctx context.Context, adm *kadm.Client) (int32, error) {
	topics, err := adm.ListTopicsWithInternal(ctx, r.p.Inputs...)
	if err != nil {
		return 0, err
	}
	var n int
	r.ids = map[string][16]byte{}
	for i, name := range r.p.Inputs {
		t := topics[name]
		switch {
		case t.Err != nil:
			return 0, fmt.Errorf("input %q: %w", name, t.Err)
		case i > 0 && len(t.Partitions) != n:
			return 0, fmt.Errorf("input %q has %d partitions and %q has %d: they have to be as many", r.p.Inputs[0], n, name, len(t.Partitions))
		}
		n = len(t.Partitions)
		r.ids[name] = t.ID
	}
	if n == 0 {
		return 0, fmt.Errorf("input %q has no partitions", r.p.Inputs[0])
	}
	return int32(n), nil
}

// deadLetterTopic is the topic for dead letters, made if it is not there.
func (r *Run) deadLetterTopic(ctx context.Context) (*txn.Topic, error) {
	name := r.p.deadLetters()
	to, err := r.topics.Topic(ctx, name)
	if !errors.Is(err, txn.ErrNoTopic) {
		return to, err
	}
	input, err := r.topics.Topic(ctx, r.p.Inputs[0])
	if err != nil {
		return nil, err
	}
	if err := r.create(ctx, kadm.NewClient(r.asker), name, int32(len(input.Leaders)), nil); err != nil {
		return nil, err
	}
	return r.topics.Topic(ctx, name)
}

// create creates a topic, if it is not there.
func (r *Run) create(ctx context.Context, adm *kadm.Client, name string, partitions int32, configs map[string]*string) error {
	resp, err := adm.CreateTopic(ctx, partitions, r.cfg.ReplicationFactor, configs, name)
	if err == nil {
		err = resp.Err
	}
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("creating topic %q: %w", name, err)
	}
	return nil
}
