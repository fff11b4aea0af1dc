package topic

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/tool"
)

// Alter is "evident topic alter".
type Alter struct {
	// Partitions is the number to grow to; 0 leaves it.
	Partitions int
	// Settings are key=value pairs to set, Unset the keys to give back to the default.
	Settings, Unset []string
}

// Altered is what became of one topic.
type Altered struct {
	Topic      string   `json:"topic"`
	Partitions int      `json:"partitions,omitempty"` // the new number, if it was changed
	Set        []string `json:"set,omitempty"`
	Unset      []string `json:"unset,omitempty"`
}

// Run changes the topics that names gives: first their settings, then their
// number of partitions.
func (a Alter) Run(ctx context.Context, env tool.Env, names []string) error {
	set, err := settings(a.Settings)
	if err != nil {
		return err
	}
	if a.Partitions == 0 && len(set) == 0 && len(a.Unset) == 0 {
		return tool.Usagef("nothing to change: give --partitions, -c key=value or --unset key")
	}
	return env.Admin(ctx, func(ctx context.Context, adm *kadm.Client) error {
		details, err := tool.Topics(ctx, adm, names...)
		if err != nil {
			return err
		}
		if err := a.fits(details); err != nil {
			return err
		}
		if err := a.alterSettings(ctx, adm, set, names); err != nil {
			return err
		}
		if err := a.grow(ctx, adm, names); err != nil {
			return err
		}
		return a.print(env, names)
	})
}

// fits checks the number of partitions first, so that nothing is changed by
// half.
func (a Alter) fits(details kadm.TopicDetails) error {
	for _, d := range details.Sorted() {
		if n := len(d.Partitions); a.Partitions != 0 && a.Partitions <= n {
			return fmt.Errorf("topic %q has %s already: give more than that, for partitions are never taken away",
				d.Topic, tool.Plural(n, "partition"))
		}
	}
	return nil
}

func (a Alter) alterSettings(ctx context.Context, adm *kadm.Client, set map[string]*string, names []string) error {
	changes := make([]kadm.AlterConfig, 0, len(set)+len(a.Unset))
	asked := map[string]*string{}
	for _, key := range sortedKeys(set) {
		changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: key, Value: set[key]})
		asked[key] = set[key]
	}
	for _, key := range a.Unset {
		changes = append(changes, kadm.AlterConfig{Op: kadm.DeleteConfig, Name: key})
		asked[key] = nil
	}
	if len(changes) == 0 {
		return nil
	}
	answers, err := adm.AlterTopicConfigs(ctx, changes, names...)
	if err != nil {
		return err
	}
	var refused []error
	for _, answer := range answers {
		if answer.Err == nil {
			continue
		}
		e := &tool.RefusedError{Doing: fmt.Sprintf("alter topic %q", answer.Name), Code: answer.Err, Message: answer.ErrMessage}
		if errors.Is(answer.Err, kerr.InvalidConfig) || errors.Is(answer.Err, kerr.InvalidRequest) {
			e.Hint = hint(asked)
		}
		refused = append(refused, e)
	}
	return errors.Join(refused...)
}

func (a Alter) grow(ctx context.Context, adm *kadm.Client, names []string) error {
	if a.Partitions == 0 {
		return nil
	}
	answers, err := adm.UpdatePartitions(ctx, a.Partitions, names...)
	if err != nil {
		return err
	}
	var refused []error
	for _, name := range sortedKeys(answers) {
		if answer := answers[name]; answer.Err != nil {
			refused = append(refused, &tool.RefusedError{
				Doing: fmt.Sprintf("add partitions to topic %q", name), Code: answer.Err, Message: answer.ErrMessage})
		}
	}
	return errors.Join(refused...)
}

func (a Alter) print(env tool.Env, names []string) error {
	results := make([]Altered, len(names))
	for i, name := range names {
		results[i] = Altered{name, a.Partitions, a.Settings, a.Unset}
	}
	return env.Print(results, func(w io.Writer) {
		for _, r := range results {
			fmt.Fprintf(w, "altered %s\n", r.Topic)
		}
	})
}
