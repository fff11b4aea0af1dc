package group

import (
	"cmp"
	"context"
	"io"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/evidentlog/evident/internal/tool"
)

// List is "evident group list".
type List struct{}

// Summary is a group as "group list" shows it.
type Summary struct {
	Group        string `json:"group"`
	Type         string `json:"type"` // classic, consumer or share
	State        string `json:"state"`
	ProtocolType string `json:"protocol_type"` // "consumer" for consumers
	Coordinator  int32  `json:"coordinator"`
}

// Run prints all groups, sorted by name.
func (List) Run(ctx context.Context, env tool.Env) error {
	return env.Admin(ctx, func(ctx context.Context, adm *kadm.Client) error {
		groups, err := adm.ListGroups(ctx)
		if err != nil {
			return err
		}
		types, err := typesOf(ctx, adm)
		if err != nil {
			return err
		}
		summaries := make([]Summary, 0, len(groups))
		for _, g := range groups.Sorted() {
			summaries = append(summaries, Summary{g.Group, cmp.Or(types[g.Group], typeClassic), g.State, g.ProtocolType, g.Coordinator})
		}
		return env.Print(summaries, func(w io.Writer) {
			tool.Row(w, "GROUP", "TYPE", "STATE", "COORDINATOR")
			for _, s := range summaries {
				tool.Row(w, s.Group, s.Type, s.State, s.Coordinator)
			}
		})
	})
}

// typesOf are the types of the groups that are not classic. A cluster that does
// not know of types lists all groups whatever is asked for; its are classic.
func typesOf(ctx context.Context, adm *kadm.Client) (map[string]string, error) {
	types := map[string]string{}
	for _, typ := range []string{typeConsumer, typeShare} {
		groups, err := adm.ListGroupsByType(ctx, []string{typ})
		if err != nil {
			return nil, err
		}
		for name := range groups {
			if types[name] != "" {
				typ = typeClassic
			}
			types[name] = typ
		}
	}
	return types, nil
}
