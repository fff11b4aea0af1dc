package consume

import (
	"context"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/offset"
)

// joinGroup consumes as a member of a group. Offsets are committed after their
// records were printed, so a record may be printed twice, but none is lost.
func joinGroup(ctx context.Context, env tool.Env, c Consume, from offset.Spec, topics []string) (*source, error) {
	err := env.Admin(ctx, func(ctx context.Context, adm *kadm.Client) error {
		_, err := tool.Topics(ctx, adm, topics...)
		return err
	})
	if err != nil {
		return nil, err
	}
	s := &source{group: true}
	if c.StopAtEnd {
		s.end = newEnd()
	}
	b := &beginning{from: from, end: s.end, env: env}
	s.client, err = env.Connect(ctx, append(c.options(env),
		kgo.ConsumerGroup(c.Group),
		kgo.ConsumeTopics(topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.AutoCommitMarks(),
		kgo.BlockRebalanceOnPoll(),
		kgo.AdjustFetchOffsetsFn(b.adjust),
		kgo.OnPartitionsRevoked(func(ctx context.Context, cl *kgo.Client, revoked map[string][]int32) {
			// Should it fail, the next member prints some records again.
			_ = cl.CommitMarkedOffsets(ctx)
			s.end.remove(revoked)
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
			s.end.remove(lost)
		}),
	)...)
	return s, err
}

// beginning finds out where to begin in partitions that a group has assigned.
type beginning struct {
	from offset.Spec
	end  *end
	env  tool.Env
}

// adjust is called with the committed offsets of partitions that were
// assigned. Where there are none, it puts those that were asked for.
func (b *beginning) adjust(ctx context.Context, committed map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	var topics []string
	for topic := range committed {
		topics = append(topics, topic)
	}
	if len(topics) == 0 {
		return committed, nil
	}
	ahead := map[offset.Partition]offset.Span{}
	err := b.env.Admin(ctx, func(ctx context.Context, adm *kadm.Client) error {
		spans, err := offset.Spans(ctx, adm, topics)
		if err != nil {
			return err
		}
		starts, err := b.from.Resolve(ctx, adm, spans)
		if err != nil {
			return err
		}
		for topic, partitions := range committed {
			for partition, o := range partitions {
				p := offset.Partition{Topic: topic, Partition: partition}
				at := o.EpochOffset().Offset
				if at < 0 { // nothing is committed
					at = starts[p]
					partitions[partition] = kgo.NewOffset().At(at)
				}
				ahead[p] = offset.Span{Start: at, End: spans[p].End}
			}
		}
		return nil
	})
	b.end.add(ahead)
	return committed, err
}
