package topic

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

// Create is "evident topic create".
type Create struct {
	// Partitions and Replicas are numbers, or -1 for the cluster's default.
	Partitions int32
	Replicas   int16
	// Settings are key=value pairs.
	Settings []string
	// IfNotExists leaves a topic that is there already as it is.
	IfNotExists bool
	// DryRun only asks whether the topics could be created.
	DryRun bool
}

// Created is what became of one topic.
type Created struct {
	Topic      string `json:"topic"`
	ID         string `json:"id"`
	Partitions int32  `json:"partitions"`
	Created    bool   `json:"created"` // false: it was there already
}

// Run creates the topics that names gives and prints them. Those that could be
// created stay if others could not.
func (c Create) Run(ctx context.Context, env tool.Env, names []string) error {
	configs, err := settings(c.Settings)
	if err != nil {
		return err
	}
	return env.Admin(ctx, func(ctx context.Context, adm *kadm.Client) error {
		create := adm.CreateTopics
		if c.DryRun {
			create = adm.ValidateCreateTopics
		}
		answers, err := create(ctx, c.Partitions, c.Replicas, configs, names...)
		if err != nil {
			return err
		}
		results := make([]Created, 0, len(answers))
		var refused []error
		for _, name := range sortedKeys(answers) {
			a := answers[name]
			switch {
			case a.Err == nil:
				results = append(results, Created{name, idText(a.ID), a.NumPartitions, true})
			case c.IfNotExists && errors.Is(a.Err, kerr.TopicAlreadyExists):
				results = append(results, Created{name, idText(a.ID), a.NumPartitions, false})
			default:
				refused = append(refused, c.refused(a, configs))
			}
		}
		return errors.Join(append([]error{c.print(ctx, env, adm, results)}, refused...)...)
	})
}

// print prints results, with the particulars of topics that were there already.
func (c Create) print(ctx context.Context, env tool.Env, adm *kadm.Client, results []Created) error {
	for i, r := range results {
		if r.Created {
			continue
		}
		details, err := tool.Topics(ctx, adm, r.Topic)
		if err != nil {
			return err
		}
		s := summary(details[r.Topic])
		results[i].ID, results[i].Partitions = s.ID, int32(s.Partitions)
	}
	return env.Print(results, func(w io.Writer) {
		for _, r := range results {
			verb := "created"
			switch {
			case !r.Created:
				verb = "exists already:"
			case c.DryRun:
				verb = "would create"
			}
			fmt.Fprintf(w, "%s %s with %s\n", verb, r.Topic, tool.Plural(r.Partitions, "partition"))
		}
	})
}

// refused says why a topic could not be created and what to do about it.
func (c Create) refused(a kadm.CreateTopicResponse, configs map[string]*string) error {
	e := &tool.RefusedError{Doing: fmt.Sprintf("create topic %q", a.Topic), Code: a.Err, Message: a.ErrMessage}
	switch {
	case errors.Is(a.Err, kerr.TopicAlreadyExists):
		e.Message, e.Hint = "it exists already", `change it with "evident topic alter", or allow it with --if-not-exists`
	case errors.Is(a.Err, kerr.InvalidTopicException) && a.ErrMessage == "":
		e.Hint = `a name has 1 to 249 of the characters a-z, A-Z, 0-9, ".", "_" and "-"`
	case errors.Is(a.Err, kerr.InvalidConfig):
		e.Hint = hint(configs)
	}
	return e
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
