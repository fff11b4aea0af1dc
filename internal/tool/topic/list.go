package topic

import (
	"context"
	"io"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/evidentlog/evident/internal/tool"
)

// List is "evident topic list".
type List struct {
	// Internal lists internal topics as well.
	Internal bool
}

// Run prints the topics that names gives, or all, sorted by name.
func (l List) Run(ctx context.Context, env tool.Env, names []string) error {
	return env.Admin(ctx, func(ctx context.Context, adm *kadm.Client) error {
		details, err := l.details(ctx, adm, names)
		if err != nil {
			return err
		}
		summaries := make([]Summary, 0, len(details))
		for _, d := range details.Sorted() {
			summaries = append(summaries, summary(d))
		}
		return env.Print(summaries, func(w io.Writer) {
			tool.Row(w, "TOPIC", "PARTITIONS", "REPLICAS")
			for _, s := range summaries {
				tool.Row(w, s.Topic, s.Partitions, s.Replicas)
			}
		})
	})
}

func (l List) details(ctx context.Context, adm *kadm.Client, names []string) (kadm.TopicDetails, error) {
	switch {
	case len(names) > 0:
		return tool.Topics(ctx, adm, names...)
	case l.Internal:
		return adm.ListTopicsWithInternal(ctx)
	default:
		return adm.ListTopics(ctx)
	}
}
