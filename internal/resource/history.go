package resource

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// History calls each with every version of a resource up to what this node has
// read, deletions among them, the oldest first. With an empty kind it is all
// resources, and with an empty name all of the kind. It reads the topic from its
// beginning, which takes a while where much was declared.
func (s *Service) History(ctx context.Context, of Key, each func(*Version) error) error {
	end := s.State().End
	if end == 0 {
		return nil
	}
	client, err := s.cfg.Client(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{Topic: {0: kgo.NewOffset().AtStart()}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	created := map[Key]int64{}
	for {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return err
		}
		for _, e := range fetches.Errors() {
			return fmt.Errorf("history of %v: %w", of, e.Err)
		}
		for it := fetches.RecordIter(); !it.Done(); {
			rec := it.Next()
			if err := pass(rec, of, created, each); err != nil {
				return err
			}
			if rec.Offset+1 >= end {
				return nil
			}
		}
	}
}

// pass passes a record on if it is one of a resource that is asked for.
func pass(rec *kgo.Record, of Key, created map[Key]int64, each func(*Version) error) error {
	if rec.Attrs.IsControl() || !rec.Attrs.IsTransactional() {
		return nil
	}
	v, err := version(rec)
	if err != nil {
		return nil // no resource's: follow has said so
	}
	first, known := created[v.Key]
	switch {
	case v.Resource == nil:
		v.Created = first
		delete(created, v.Key)
	case !known:
		created[v.Key], v.Created = v.Revision, v.Revision
	default:
		v.Created = first
	}
	if of.Kind != "" && v.Key.Kind != of.Kind || of.Name != "" && v.Key.Name != of.Name {
		return nil
	}
	return each(v)
}
