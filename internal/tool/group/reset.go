package group

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/offset"
)

// Reset is "evident group reset".
type Reset struct {
	// To is where to reset to, as [offset.Parse] reads it.
	To string
	// ShiftBy moves each committed offset by so many records instead.
	ShiftBy int64
	// Topics are those to reset. Default: all that the group has offsets for.
	Topics []string
	// Create allows a group that is not there yet; it needs Topics.
	Create bool
	// DryRun only shows what would be done.
	DryRun bool
}

// Moved is what becomes of one partition.
type Moved struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Before    int64  `json:"before"` // -1: nothing was committed
	After     int64  `json:"after"`
}

// Run resets the group called name, which must have no members.
func (r Reset) Run(ctx context.Context, env tool.Env, name string) error {
	if (r.To == "") == (r.ShiftBy == 0) {
		return tool.Usagef("say where to reset to: give either --to (%s) or --shift-by N", offset.Syntax)
	}
	var to offset.Spec
	if r.To != "" {
		var err error
		if to, err = offset.Parse(r.To, time.Now()); err != nil {
			return err
		}
	}
	return env.Admin(ctx, func(ctx context.Context, adm *kadm.Client) error {
		g, err := r.mayReset(ctx, adm, name)
		if err != nil {
			return err
		}
		fetch, set := fetchCommitted, commit
		if g.share != nil {
			fetch, set = committedOf, begin
		}
		committed, err := fetch(ctx, adm, name)
		if err != nil {
			return err
		}
		moves, err := r.plan(ctx, adm, name, committed, to)
		if err != nil {
			return err
		}
		if !r.DryRun {
			if err := set(ctx, adm, name, moves); err != nil {
				return err
			}
		}
		return r.print(env, name, moves)
	})
}

// mayReset refuses a group whose members would overwrite what is reset.
func (r Reset) mayReset(ctx context.Context, adm *kadm.Client, name string) (info, error) {
	g, err := describe(ctx, adm, name)
	if errors.Is(err, kerr.GroupIDNotFound) && r.Create {
		if len(r.Topics) == 0 {
			return g, tool.Usagef("a new group has no topics yet: name them with --topic")
		}
		return g, nil
	}
	if err != nil {
		return g, err
	}
	if g.state() != stateEmpty {
		return g, fmt.Errorf("%s %q is active (%s, %s): stop its consumers first",
			g.kind(), name, g.state(), tool.Plural(g.members(), "member"))
	}
	return g, nil
}

func fetchCommitted(ctx context.Context, adm *kadm.Client, name string) (kadm.OffsetResponses, error) {
	committed, err := adm.FetchOffsets(ctx, name)
	if errors.Is(err, kerr.GroupIDNotFound) {
		err = nil
	}
	return committed, err
}

// plan finds out what to commit, sorted by topic and partition.
func (r Reset) plan(ctx context.Context, adm *kadm.Client, name string, committed kadm.OffsetResponses, to offset.Spec) ([]Moved, error) {
	topics, err := r.topics(ctx, adm, name, committed)
	if err != nil {
		return nil, err
	}
	spans, err := offset.Spans(ctx, adm, topics)
	if err != nil {
		return nil, err
	}
	after, err := to.Resolve(ctx, adm, spans)
	if err != nil {
		return nil, err
	}
	moves := make([]Moved, 0, len(spans))
	for p, span := range spans {
		move := Moved{p.Topic, p.Partition, -1, after[p]}
		if c, ok := committed.Lookup(p.Topic, p.Partition); ok && c.Err == nil {
			move.Before = c.At
		}
		if r.ShiftBy != 0 {
			if move.Before < 0 {
				continue // there is nothing to shift
			}
			move.After = span.Clamp(move.Before + r.ShiftBy)
		}
		moves = append(moves, move)
	}
	slices.SortFunc(moves, func(a, b Moved) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return moves, nil
}

// topics are those given, all of which must be there, or those with a
// committed offset that are still there.
func (r Reset) topics(ctx context.Context, adm *kadm.Client, name string, committed kadm.OffsetResponses) ([]string, error) {
	if len(r.Topics) > 0 {
		_, err := tool.Topics(ctx, adm, r.Topics...)
		return r.Topics, err
	}
	details, err := adm.ListTopicsWithInternal(ctx)
	if err != nil {
		return nil, err
	}
	var topics []string
	for topic := range committed {
		if details.Has(topic) {
			topics = append(topics, topic)
		}
	}
	if len(topics) == 0 {
		return nil, fmt.Errorf("group %q has no offsets: name topics with --topic", name)
	}
	return topics, nil
}

func commit(ctx context.Context, adm *kadm.Client, name string, moves []Moved) error {
	var offsets kadm.Offsets
	for _, m := range moves {
		offsets.AddOffset(m.Topic, m.Partition, m.After, -1)
	}
	answers, err := adm.CommitOffsets(ctx, name, offsets)
	if err == nil {
		err = answers.Error()
	}
	return notReset("consumer group", name, err)
}

func notReset(kind, name string, err error) error {
	if errors.As(err, new(*kerr.Error)) {
		return &tool.RefusedError{Doing: fmt.Sprintf("reset %s %q", kind, name), Code: err}
	}
	return err
}

func (r Reset) print(env tool.Env, name string, moves []Moved) error {
	result := struct {
		Group      string  `json:"group"`
		DryRun     bool    `json:"dry_run"`
		Partitions []Moved `json:"partitions"`
	}{name, r.DryRun, moves}
	return env.Print(result, func(w io.Writer) {
		tool.Row(w, "TOPIC", "PARTITION", "BEFORE", "AFTER")
		for _, m := range moves {
			tool.Row(w, m.Topic, m.Partition, orDash(m.Before), m.After)
		}
		if r.DryRun {
			fmt.Fprintln(w, "nothing was changed; leave out --dry-run to do it")
		}
	})
}
