package group

import (
	"context"
	"io"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/evidentlog/evident/internal/tool"
)

// List is "evident group list".
type List struct{}

// Summary is a consumer group as "group list" shows it.
type Summary struct {
	Group        string `json:"group"`
	State        string `json:"state"`
	ProtocolType string `json:"protocol_type"` // "consumer" for consumers
	Coordinator  int32  `json:"coordinator"`
}

// Run prints all consumer groups, sorted by name.
func (List) Run(ctx context.Context, env tool.Env) error {
	return env.Admin(ctx, func(ctx context.Context, adm *kadm.Client) error {
		groups, err := adm.ListGroups(ctx)
		if err != nil {
			return err
		}
		summaries := make([]Summary, 0, len(groups))
		for _, g := range groups.Sorted() {
			summaries = append(summaries, Summary{g.Group, g.State, g.ProtocolType, g.Coordinator})
		}
		return env.Print(summaries, func(w io.Writer) {
			tool.Row(w, "GROUP", "STATE", "COORDINATOR")
			for _, s := range summaries {
				tool.Row(w, s.Group, s.State, s.Coordinator)
			}
		})
	})
}
