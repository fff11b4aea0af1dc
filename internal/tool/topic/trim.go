package topic

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/offset"
)

// Trim is "evident topic trim".
type Trim struct {
	// To is where the partitions are to begin, as [offset.Parse] reads it.
	To string
	// Partitions are those to trim. Default: all.
	Partitions []int32
	// DryRun only shows what would be done.
	DryRun bool
}

// Trimmed is what becomes of one partition: the offsets where it begins.
type Trimmed struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Before    int64  `json:"before"`
	After     int64  `json:"after"`
}

// Run deletes the records before an offset from the topics that names gives.
func (t Trim) Run(ctx context.Context, env tool.Env, names []string) error {
	if t.To == "" {
		return tool.Usagef("say where the topics are to begin: give --to (%s)", offset.Syntax)
	}
	to, err := offset.Parse(t.To, time.Now())
	if err != nil {
		return err
	}
	return env.Admin(ctx, func(ctx context.Context, adm *kadm.Client) error {
		if _, err := tool.Topics(ctx, adm, names...); err != nil {
			return err
		}
		results, err := t.plan(ctx, adm, names, to)
		if err == nil && !t.DryRun {
			results, err = trim(ctx, adm, results)
		}
		return errors.Join(t.print(env, results), err)
	})
}

// plan finds out where each partition is to begin, sorted by topic and partition.
func (t Trim) plan(ctx context.Context, adm *kadm.Client, names []string, to offset.Spec) ([]Trimmed, error) {
	spans, err := offset.Spans(ctx, adm, names)
	if err != nil {
		return nil, err
	}
	if len(t.Partitions) > 0 {
		for _, name := range names {
			for _, n := range t.Partitions {
				if _, ok := spans[offset.Partition{Topic: name, Partition: n}]; !ok {
					return nil, fmt.Errorf("topic %q has no partition %d", name, n)
				}
			}
		}
		maps.DeleteFunc(spans, func(p offset.Partition, _ offset.Span) bool { return !slices.Contains(t.Partitions, p.Partition) })
	}
	after, err := to.Resolve(ctx, adm, spans)
	if err != nil {
		return nil, err
	}
	plan := make([]Trimmed, 0, len(spans))
	for p, span := range spans {
		plan = append(plan, Trimmed{p.Topic, p.Partition, span.Start, after[p]})
	}
	slices.SortFunc(plan, func(a, b Trimmed) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return plan, nil
}

// trim does what was planned and returns what came of it.
func trim(ctx context.Context, adm *kadm.Client, plan []Trimmed) ([]Trimmed, error) {
	offsets := make(kadm.Offsets)
	for _, p := range plan {
		if p.After > p.Before {
			offsets.AddOffset(p.Topic, p.Partition, p.After, -1)
		}
	}
	answers, err := adm.DeleteRecords(ctx, offsets)
	if err != nil {
		return nil, err
	}
	var done []Trimmed
	var refused []error
	for _, p := range plan {
		a, ok := answers.Lookup(p.Topic, p.Partition)
		switch {
		case !ok:
			done = append(done, p) // there was nothing to do
		case a.Err != nil:
			refused = append(refused, &tool.RefusedError{Doing: fmt.Sprintf("trim %s/%d", p.Topic, p.Partition), Code: a.Err, Hint: trimHint(p.Topic, a.Err)})
		default:
			p.After = a.LowWatermark
			done = append(done, p)
		}
	}
	return done, errors.Join(refused...)
}

func trimHint(topic string, err error) string {
	if errors.Is(err, kerr.PolicyViolation) {
		return fmt.Sprintf(`its cleanup.policy does not contain delete: change that with "evident topic alter %s -c cleanup.policy=compact,delete"`, topic)
	}
	return ""
}

func (t Trim) print(env tool.Env, results []Trimmed) error {
	if results == nil {
		return nil
	}
	return env.Print(results, func(w io.Writer) {
		tool.Row(w, "TOPIC", "PARTITION", "BEFORE", "AFTER")
		for _, r := range results {
			tool.Row(w, r.Topic, r.Partition, r.Before, r.After)
		}
		if t.DryRun {
			fmt.Fprintln(w, "nothing was changed; leave out --dry-run to do it")
		}
	})
}
