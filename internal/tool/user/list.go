package user

import (
	"context"
	"io"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/evidentlog/evident/internal/tool"
)

// List is "evident user list".
type List struct{}

// Run prints the users that names gives, or all, sorted by name.
func (List) Run(ctx context.Context, env tool.Env, names []string) error {
	return env.Admin(ctx, func(ctx context.Context, adm *kadm.Client) error {
		users, err := describe(ctx, adm, names...)
		if err != nil {
			return err
		}
		summaries := make([]Summary, 0, len(users))
		for _, u := range users {
			summaries = append(summaries, summary(u))
		}
		return env.Print(summaries, func(w io.Writer) {
			tool.Row(w, "USER", "MECHANISM", "ITERATIONS")
			for _, s := range summaries {
				for _, c := range s.Credentials {
					tool.Row(w, s.User, c.Mechanism, c.Iterations)
				}
			}
		})
	})
}
