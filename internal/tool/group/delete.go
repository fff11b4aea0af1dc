package group

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/tool"
)

// Delete is "evident group delete".
type Delete struct{}

// Deleted is what became of one group.
type Deleted struct {
	Group string `json:"group"`
}

// Run deletes the groups that names gives, with their committed offsets. All
// must be there and have no members.
func (Delete) Run(ctx context.Context, env tool.Env, names []string) error {
	return env.Admin(ctx, func(ctx context.Context, adm *kadm.Client) error {
		kinds := map[string]string{}
		for _, name := range names {
			g, err := describe(ctx, adm, name)
			if err != nil {
				return err
			}
			kinds[name] = g.kind()
		}
		answers, err := adm.DeleteGroups(ctx, names...)
		if err != nil {
			return err
		}
		results := make([]Deleted, 0, len(answers))
		var refused []error
		for _, name := range slices.Sorted(maps.Keys(answers)) {
			if a := answers[name]; a.Err != nil {
				refused = append(refused, notDeleted(kinds[name], a))
				continue
			}
			results = append(results, Deleted{name})
		}
		err = env.Print(results, func(w io.Writer) {
			for _, r := range results {
				fmt.Fprintf(w, "deleted %s\n", r.Group)
			}
		})
		return errors.Join(append([]error{err}, refused...)...)
	})
}

func notDeleted(kind string, a kadm.DeleteGroupResponse) error {
	e := &tool.RefusedError{Doing: fmt.Sprintf("delete %s %q", kind, a.Group), Code: a.Err, Message: a.ErrMessage}
	if errors.Is(a.Err, kerr.NonEmptyGroup) {
		e.Message, e.Hint = "it has members", "stop its consumers first"
	}
	return e
}
