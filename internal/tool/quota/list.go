package quota

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/tool"
)

// List is "evident quota list".
type List struct {
	Entity
	// Any are types that an entity must have, whatever the name.
	Any []string
	// Strict leaves out entities that have other types too.
	Strict bool
}

// Run prints the limits of the entities that match, or of all.
func (l List) Run(ctx context.Context, env tool.Env) error {
	entity, err := l.parse()
	if err != nil {
		return err
	}
	filter := make([]kadm.DescribeClientQuotaComponent, 0, len(entity)+len(l.Any))
	for _, c := range entity {
		filter = append(filter, matching(c))
	}
	for _, nameType := range l.Any {
		filter = append(filter, kadm.DescribeClientQuotaComponent{Type: nameType, MatchType: anything})
	}
	return env.Admin(ctx, func(ctx context.Context, adm *kadm.Client) error {
		described, err := adm.DescribeClientQuotas(ctx, l.Strict, filter)
		if errors.As(err, new(*kerr.Error)) {
			return &tool.RefusedError{Doing: "list quotas", Code: err}
		}
		if err != nil {
			return err
		}
		all := make([]Limits, 0, len(described))
		for _, d := range described {
			all = append(all, limitsOf(d))
		}
		slices.SortFunc(all, func(a, b Limits) int { return cmp.Compare(a.text, b.text) })
		return env.Print(all, func(w io.Writer) { print(w, all) })
	})
}

// How a filter matches.
const (
	exact    = 0
	standard = 1
	anything = 2
)

// matching matches entities that have this name.
func matching(c kadm.ClientQuotaEntityComponent) kadm.DescribeClientQuotaComponent {
	if c.Name == nil {
		return kadm.DescribeClientQuotaComponent{Type: c.Type, MatchType: standard}
	}
	return kadm.DescribeClientQuotaComponent{Type: c.Type, MatchName: c.Name, MatchType: exact}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func print(w io.Writer, all []Limits) {
	tool.Row(w, "ENTITY", "LIMIT", "VALUE")
	for _, l := range all {
		for _, name := range sortedKeys(l.Limits) {
			tool.Row(w, l.text, name, strconv.FormatFloat(l.Limits[name], 'f', -1, 64))
		}
	}
}
