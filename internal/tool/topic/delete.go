package topic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/evidentlog/evident/internal/tool"
)

// Delete is "evident topic delete".
type Delete struct {
	// IfExists passes over topics that are not there.
	IfExists bool
}

// Deleted is what became of one topic.
type Deleted struct {
	Topic string `json:"topic"`
}

// Run deletes the topics that names gives.
func (d Delete) Run(ctx context.Context, env tool.Env, names []string) error {
	return env.Admin(ctx, func(ctx context.Context, adm *kadm.Client) error {
		var err error
		if d.IfExists {
			names, err = existing(ctx, adm, names)
		} else {
			_, err = tool.Topics(ctx, adm, names...)
		}
		if err != nil {
			return err
		}
		answers, err := adm.DeleteTopics(ctx, names...)
		if err != nil {
			return err
		}
		results := make([]Deleted, 0, len(answers))
		var refused []error
		for _, name := range sortedKeys(answers) {
			a := answers[name]
			if a.Err != nil {
				refused = append(refused, &tool.RefusedError{
					Doing: fmt.Sprintf("delete topic %q", name), Code: a.Err, Message: a.ErrMessage})
				continue
			}
			results = append(results, Deleted{name})
		}
		err = env.Print(results, func(w io.Writer) {
			for _, r := range results {
				fmt.Fprintf(w, "deleted %s\n", r.Topic)
			}
		})
		return errors.Join(append([]error{err}, refused...)...)
	})
}

// existing are those of the topics that are there.
func existing(ctx context.Context, adm *kadm.Client, names []string) ([]string, error) {
	details, err := adm.ListTopicsWithInternal(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !details.Has(name) }), nil
}
