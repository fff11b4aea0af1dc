package quota

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/tool"
)

// Delete is "evident quota delete".
type Delete struct {
	Entity
	// DryRun only shows what would be done.
	DryRun bool
}

// Run deletes the limits that names gives, or all, of one entity.
func (d Delete) Run(ctx context.Context, env tool.Env, names []string) error {
	entity, err := d.required()
	if err != nil {
		return err
	}
	return env.Admin(ctx, func(ctx context.Context, adm *kadm.Client) error {
		limits, err := limitsFor(ctx, adm, entity)
		if err != nil {
			return err
		}
		var ops []kadm.AlterClientQuotaOp
		for _, name := range names {
			if _, ok := limits[name]; !ok {
				return fmt.Errorf("%s has no limit %s", text(entity), name)
			}
			ops = append(ops, kadm.AlterClientQuotaOp{Key: name, Remove: true})
		}
		if len(names) == 0 {
			for _, name := range sortedKeys(limits) {
				ops = append(ops, kadm.AlterClientQuotaOp{Key: name, Remove: true})
			}
		}
		return alter(ctx, env, adm, d.DryRun, kadm.AlterClientQuotaEntry{Entity: entity, Ops: ops})
	})
}

// limitsFor are the limits of the entity itself, of which there must be some.
func limitsFor(ctx context.Context, adm *kadm.Client, entity kadm.ClientQuotaEntity) (map[string]float64, error) {
	var filter []kadm.DescribeClientQuotaComponent
	for _, c := range entity {
		filter = append(filter, matching(c))
	}
	described, err := adm.DescribeClientQuotas(ctx, true, filter)
	if errors.As(err, new(*kerr.Error)) {
		return nil, &tool.RefusedError{Doing: "list the quotas of " + text(entity), Code: err}
	}
	if err != nil {
		return nil, err
	}
	if len(described) == 0 {
		return nil, fmt.Errorf(`%s has no limits: "evident quota list" shows who has`, text(entity))
	}
	return limitsOf(described[0]).Limits, nil
}
