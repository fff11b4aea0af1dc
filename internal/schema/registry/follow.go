package registry

import (
	"bytes"
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/schema/registry/record"
	"github.com/evidentlog/evident/internal/schema/registry/state"
)

// forms are keys as the topic has them where that is not how this package writes them:
// compaction takes them for others, so that they have to be taken away by themselves.
type forms map[record.Key][]byte

// follow reads the topic and puts its records into the state. It reads what is not
// committed, too, as Confluent's registry does: the two must see the same.
func (r *Registry) follow(ctx context.Context) error {
	client, err := r.cfg.Client(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{Topic: {0: kgo.NewOffset().AtStart()}}),
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
		fetches.EachError(func(_ string, _ int32, err error) {
			r.cfg.Logger.Warn("what is registered cannot be read, and is tried again", "topic", Topic, "error", err)
		})
		if fetches.Err() != nil {
			rest(ctx)
		}
		end := int64(-1)
		fetches.EachRecord(func(rec *kgo.Record) {
			r.take(rec)
			end = rec.Offset + 1
		})
		r.reached(end)
	}
}

// take puts a record into the state. One that cannot be read is told of, and passed
// over.
func (r *Registry) take(rec *kgo.Record) {
	r.mu.Lock()
	if rec.Offset < r.mu.end {
		r.cfg.Logger.Error("the topic of schemas begins anew: it was deleted, or cut back; what it has now is what is registered",
			"topic", Topic, "offset", rec.Offset, "read", r.mu.end)
		r.mu.state, r.mu.end, r.mu.forms = state.New(), 0, forms{}
	}
	s := r.mu.state
	r.mu.Unlock()
	if rec.Attrs.IsControl() {
		return
	}
	parsed, err := record.Parse(rec.Key, rec.Value)
	if err == nil {
		r.noteForm(parsed, rec.Key)
		err = s.Apply(parsed, rec.Timestamp.UnixMilli())
	}
	if err != nil {
		r.cfg.Metrics.refused.Inc()
		r.cfg.Logger.Error("a record of the topic of schemas is passed over", "topic", Topic, "offset", rec.Offset, "error", err)
	}
}

// noteForm takes note of a key that is written in another way than here.
func (r *Registry) noteForm(parsed record.Record, key []byte) {
	if bytes.Equal(parsed.Key.Bytes(), key) || parsed.Key.Type == record.Noop {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if parsed.Value == nil {
		delete(r.mu.forms, parsed.Key)
		return
	}
	r.mu.forms[parsed.Key] = bytes.Clone(key)
}

func (r *Registry) formOf(k record.Key) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.forms[k]
}

// reached shows how far has been read.
func (r *Registry) reached(end int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if end <= r.mu.end {
		return
	}
	r.mu.end = end
	close(r.mu.changed)
	r.mu.changed = make(chan struct{})
}

// readAll gives the signal that all has been read that there was.
func (r *Registry) readAll(ctx context.Context, client *kgo.Client) {
	for ctx.Err() == nil {
		err := r.catchUp(ctx, client)
		if err == nil {
			r.read.give()
			return
		}
		rest(ctx)
	}
}

// catchUp waits until this node has read all that was written before.
func (r *Registry) catchUp(ctx context.Context, client *kgo.Client) error {
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
	return r.await(ctx, end.Offset-1)
}
