package user

import (
	"context"
	"fmt"
	"io"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/evidentlog/evident/internal/tool"
)

// Delete is "evident user delete".
type Delete struct{}

// Deleted is what became of one user.
type Deleted struct {
	User string `json:"user"`
}

// Run deletes the users that names gives, all of whom must be there.
func (Delete) Run(ctx context.Context, env tool.Env, names []string) error {
	return env.Admin(ctx, func(ctx context.Context, adm *kadm.Client) error {
		users, err := describe(ctx, adm, names...)
		if err != nil {
			return err
		}
		for round := nextRound(users); len(round) > 0; round = nextRound(users) {
			answers, err := adm.AlterUserSCRAMs(ctx, round, nil)
			if err := changed("delete user", answers, err); err != nil {
				return err
			}
		}
		results := make([]Deleted, 0, len(users))
		for _, u := range users {
			results = append(results, Deleted{u.User})
		}
		return env.Print(results, func(w io.Writer) {
			for _, r := range results {
				fmt.Fprintf(w, "deleted %s\n", r.User)
			}
		})
	})
}

// nextRound takes one credential off each user, since a request can change a user
// once.
func nextRound(users []kadm.DescribedUserSCRAM) []kadm.DeleteSCRAM {
	var round []kadm.DeleteSCRAM
	for i := range users {
		if u := &users[i]; len(u.CredInfos) > 0 {
			round = append(round, kadm.DeleteSCRAM{User: u.User, Mechanism: u.CredInfos[0].Mechanism})
			u.CredInfos = u.CredInfos[1:]
		}
	}
	return round
}
