package resource

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// follow reads the topic, a transaction at a time, and publishes each state.
func (s *Service) follow(ctx context.Context) error {
	client, err := s.cfg.Client(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{Topic: {0: kgo.NewOffset().AtStart()}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	r := reader{service: s, state: s.State()}
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		fetches.EachError(func(_ string, _ int32, err error) {
			s.cfg.Logger.Warn("what is declared cannot be read, and is tried again", "error", err)
		})
		if fetches.Err() != nil {
			rest(ctx)
		}
		var wrong error
		fetches.EachRecord(func(rec *kgo.Record) { wrong = errors.Join(wrong, r.take(rec)) })
		if wrong != nil {
			return wrong
		}
		r.publish()
	}
}

// Current waits until this node has read all that is declared now: when it is called, and
// by the word of the cluster, which client asks.
func (s *Service) Current(ctx context.Context, client *kgo.Client) error {
	if there, err := s.findTopic(ctx, client, false); err != nil || !there && s.State().End == 0 {
		return err // nil: nobody has declared anything
	}
	return s.catchUp(ctx, client)
}

// catchUp waits until this node has read all that was written before.
func (s *Service) catchUp(ctx context.Context, client *kgo.Client) error {
	ends, err := kadm.NewClient(client).ListCommittedOffsets(ctx, Topic)
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
	_, err = s.Await(ctx, end.Offset-1)
	return err
}

// A reader puts records together to states.
type reader struct {
	service *Service
	state   *State
	pending []*Version // of a transaction whose end was not read yet
	read    []*Version // of those that ended
	end     int64      // behind the last of them
}

// take adds a record. What a transaction has is held back until its marker.
func (r *reader) take(rec *kgo.Record) error {
	log := r.service.cfg.Logger
	if rec.Offset < r.state.End || rec.Offset < r.end {
		log.Error("the topic of what is declared begins anew: it was deleted, or cut back; what it has now is what is declared",
			"topic", Topic, "offset", rec.Offset, "read", max(r.state.End, r.end))
		*r = reader{service: r.service, state: newState()}
	}
	switch {
	case rec.Attrs.IsControl(): // the end of a commit: of an abort there are no records
		r.read, r.pending = append(r.read, r.pending...), nil
		r.end = rec.Offset + 1
	case !rec.Attrs.IsTransactional():
		log.Error("a record of what is declared was not written by a node, and is passed over", "topic", Topic, "offset", rec.Offset)
		r.end = rec.Offset + 1
	default:
		v, err := version(rec)
		if err != nil {
			log.Error("a record of what is declared cannot be read, and is passed over", "topic", Topic, "offset", rec.Offset, "error", err)
			return nil
		}
		r.pending = append(r.pending, v)
	}
	return nil
}

// publish shows what ended.
func (r *reader) publish() {
	if r.end <= r.state.End {
		return
	}
	next, err := r.state.with(r.end, r.read)
	if err != nil {
		r.service.cfg.Logger.Error("what is declared cannot be understood", "error", err)
		return
	}
	r.state, r.read = next, nil
	r.service.publish(next)
}
