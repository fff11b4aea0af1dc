package consume

import (
	"context"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/offset"
)

// readAlone consumes all partitions, or those that were asked for, without a
// group.
func readAlone(ctx context.Context, env tool.Env, c Consume, from offset.Spec, topics []string) (*source, error) {
	client, err := env.Connect(ctx, c.options(env)...)
	if err != nil {
		return nil, err
	}
	s := &source{client: client}
	timely, cancel := context.WithTimeout(ctx, env.Cluster.Timeout)
	defer cancel()
	if err := s.begin(timely, c, from, topics); err != nil {
		s.close()
		return nil, client.Explain(ctx, err)
	}
	return s, nil
}

// options are those of every consumer.
func (c Consume) options(env tool.Env) []kgo.Opt {
	options := []kgo.Opt{kgo.WithHooks(&notice{w: env.Err})}
	if c.StopAtEnd {
		// The last offset before the end may be a transaction marker.
		options = append(options, kgo.KeepControlRecords())
	}
	return options
}

// begin finds out where to begin and to end, and begins.
func (s *source) begin(ctx context.Context, c Consume, from offset.Spec, topics []string) error {
	adm := kadm.NewClient(s.client.Client)
	details, err := tool.Topics(ctx, adm, topics...)
	if err != nil {
		return err
	}
	if err := c.there(details); err != nil {
		return err
	}
	spans, err := offset.Spans(ctx, adm, topics)
	if err != nil {
		return err
	}
	starts, err := from.Resolve(ctx, adm, spans)
	if err != nil {
		return err
	}
	wanted, ahead := map[string]map[int32]kgo.Offset{}, map[offset.Partition]offset.Span{}
	for p, start := range starts {
		if len(c.Partitions) > 0 && !slices.Contains(c.Partitions, p.Partition) {
			continue
		}
		if wanted[p.Topic] == nil {
			wanted[p.Topic] = map[int32]kgo.Offset{}
		}
		wanted[p.Topic][p.Partition] = kgo.NewOffset().At(start)
		ahead[p] = offset.Span{Start: start, End: spans[p].End}
	}
	if c.StopAtEnd {
		s.end = newEnd()
		s.end.add(ahead)
	}
	s.client.AddConsumePartitions(wanted)
	return nil
}

// there checks that all topics have the partitions asked for.
func (c Consume) there(details kadm.TopicDetails) error {
	for _, d := range details.Sorted() {
		for _, p := range c.Partitions {
			if n := len(d.Partitions); p < 0 || int(p) >= n {
				return fmt.Errorf("topic %q has no partition %d: it has %s, counted from 0",
					d.Topic, p, tool.Plural(n, "partition"))
			}
		}
	}
	return nil
}
