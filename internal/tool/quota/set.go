package quota

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/nearest"
	"github.com/evidentlog/evident/internal/tool"
)

// known are Kafka's limits, for suggestions.
var known = []string{"producer_byte_rate", "consumer_byte_rate", "request_percentage", "controller_mutation_rate"}

// Set is "evident quota set".
type Set struct {
	Entity
	// DryRun only asks whether that would be accepted.
	DryRun bool
}

// Changed is what became of one limit.
type Changed struct {
	Entity string   `json:"entity"`
	Limit  string   `json:"limit"`
	Value  *float64 `json:"value"` // null: deleted
	DryRun bool     `json:"dry_run"`
}

// Run sets the limits that pairs gives as name=value.
func (s Set) Run(ctx context.Context, env tool.Env, pairs []string) error {
	entity, err := s.required()
	if err != nil {
		return err
	}
	var ops []kadm.AlterClientQuotaOp
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		number, err := strconv.ParseFloat(value, 64)
		if !ok || name == "" || err != nil {
			return tool.Usagef(`%q is no limit: write name=number, such as "producer_byte_rate=1048576"`, pair)
		}
		ops = append(ops, kadm.AlterClientQuotaOp{Key: name, Value: number})
	}
	return env.Admin(ctx, func(ctx context.Context, adm *kadm.Client) error {
		return alter(ctx, env, adm, s.DryRun, kadm.AlterClientQuotaEntry{Entity: entity, Ops: ops})
	})
}

// alter alters the limits of one entity and prints what became of each.
func alter(ctx context.Context, env tool.Env, adm *kadm.Client, dryRun bool, entry kadm.AlterClientQuotaEntry) error {
	do := adm.AlterClientQuotas
	if dryRun {
		do = adm.ValidateAlterClientQuotas
	}
	answers, err := do(ctx, []kadm.AlterClientQuotaEntry{entry})
	if errors.As(err, new(*kerr.Error)) {
		return &tool.RefusedError{Doing: "alter quotas", Code: err}
	}
	if err != nil {
		return err
	}
	for _, a := range answers {
		if a.Err != nil {
			return &tool.RefusedError{Doing: "alter the quotas of " + text(entry.Entity), Code: a.Err, Message: a.ErrMessage, Hint: hint(entry.Ops)}
		}
	}
	changed := make([]Changed, len(entry.Ops))
	for i, op := range entry.Ops {
		changed[i] = Changed{Entity: text(entry.Entity), Limit: op.Key, DryRun: dryRun}
		if !op.Remove {
			changed[i].Value = &op.Value
		}
	}
	return env.Print(changed, func(w io.Writer) {
		for _, c := range changed {
			fmt.Fprintln(w, c.sentence())
		}
	})
}

func (c Changed) sentence() string {
	verb := map[bool]string{true: "would set", false: "set"}
	if c.Value == nil {
		verb = map[bool]string{true: "would delete", false: "deleted"}
		return fmt.Sprintf("%s %s of %s", verb[c.DryRun], c.Limit, c.Entity)
	}
	return fmt.Sprintf("%s %s of %s to %s", verb[c.DryRun], c.Limit, c.Entity, strconv.FormatFloat(*c.Value, 'f', -1, 64))
}

// hint names the limit that was probably meant.
func hint(ops []kadm.AlterClientQuotaOp) string {
	for _, op := range ops {
		if near, ok := nearest.Of(op.Key, known); ok && near != op.Key {
			return fmt.Sprintf("did you mean %q?", near)
		}
	}
	return ""
}
