package process

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/process/standby"
	"github.com/evidentlog/evident/internal/process/timer"
	"github.com/evidentlog/evident/internal/process/txn"
)

// maxChange is how many bytes key and value of a change of state may have together:
// somewhat less than a topic takes by default.
const maxChange = 1_000_000

// makeChangelog makes the changelog, if there never was one, and looks whether it fits. The
// error wraps [standby.ErrLost] if it is not the one that the group's positions belong to.
func (r *Run) makeChangelog(ctx context.Context, adm *kadm.Client, partitions int32) error {
	name := r.p.changelog()
	marks, err := r.marks(ctx, adm)
	if err != nil {
		return err
	}
	topics, err := adm.ListTopicsWithInternal(ctx, append([]string{name}, r.p.Inputs...)...)
	if err != nil {
		return fmt.Errorf("changelog %q: %w", name, err)
	}
	found := topics[name]
	if errors.Is(found.Err, kerr.UnknownTopicOrPartition) {
		return r.firstChangelog(ctx, adm, marks, partitions)
	}
	if found.Err != nil {
		return fmt.Errorf("changelog %q: %w", name, found.Err)
	}
	for _, m := range marks {
		if err := m.Check(name, found.ID); err != nil {
			return r.lost(err)
		}
	}
	if n := len(found.Partitions); n != int(partitions) {
		return fmt.Errorf("changelog %q has %d partitions and the inputs have %d: state by key is in other partitions than the keys are; run a new version", name, n, partitions)
	}
	r.weigh(ctx, topics)
	return nil
}

// firstChangelog makes the changelog, unless it was there once.
func (r *Run) firstChangelog(ctx context.Context, adm *kadm.Client, marks []standby.Mark, partitions int32) error {
	name := r.p.changelog()
	for _, m := range marks {
		if !m.Discarded {
			return r.lost(fmt.Errorf("%w: the changelog %q was deleted", standby.ErrLost, name))
		}
	}
	if err := r.create(ctx, adm, name, partitions, map[string]*string{"cleanup.policy": kadm.StringPtr("compact")}); err != nil {
		return err
	}
	topics, err := adm.ListTopicsWithInternal(ctx, append([]string{name}, r.p.Inputs...)...)
	if err == nil {
		err = topics[name].Err
	}
	if err != nil {
		return fmt.Errorf("changelog %q: %w", name, err)
	}
	r.weigh(ctx, topics)
	return nil
}

// lost adds to why state, or positions, are lost what can be done.
func (r *Run) lost(err error) error {
	if errors.Is(err, ErrCutBack) {
		return fmt.Errorf("%w; version %d stands still, since from the start all that is left would count again: evident processor reset %s --version %d --state keep --to latest goes on with what comes, and --state discard --to start begins anew",
			err, r.p.Version, r.p.Name, r.p.Version)
	}
	if errors.Is(err, standby.ErrNoPositions) && !r.p.stateful() {
		return fmt.Errorf("%w; version %d stands still, since all that is in its inputs would be handled again: a cluster drops the positions of a group that nobody was in for offsets.retention.minutes (7 days); evident processor reset %s --version %d --to PLACE goes on from there",
			err, r.p.Version, r.p.Name, r.p.Version)
	}
	if errors.Is(err, standby.ErrNoPositions) {
		return fmt.Errorf("%w; version %d stands still, since what is in the state would count again: a cluster drops the positions of a group that nobody was in for offsets.retention.minutes (7 days), or whose inputs were deleted; evident processor reset %s --version %d --state keep --to PLACE goes on from there, and --state discard --to start begins anew",
			err, r.p.Version, r.p.Name, r.p.Version)
	}
	return fmt.Errorf("%w; version %d stands still, since with the state that is left its results would be wrong: evident processor reset %s --version %d --state discard --to start (or another place) begins anew",
		err, r.p.Version, r.p.Name, r.p.Version)
}

// marks are those of the group's positions, open transactions aside. It takes note of tasks
// with a position in what is no input any more: they have begun, too.
func (r *Run) marks(ctx context.Context, adm *kadm.Client) (all []standby.Mark, err error) {
	r.former = map[int32]bool{}
	found, err := adm.FetchOffsets(ctx, r.p.groupName())
	if errors.Is(err, kerr.GroupIDNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("positions of group %s: %w", r.p.groupName(), err)
	}
	found.Each(func(o kadm.OffsetResponse) {
		if o.Err == nil && o.At >= 0 && !contains(r.p.Inputs, o.Topic) {
			r.former[o.Partition] = true
		}
		if m, ok := markOf(o.Metadata); ok && o.Err == nil {
			all = append(all, m)
		}
	})
	return all, nil
}

// markOf is the mark in the metadata of a position.
func markOf(metadata string) (standby.Mark, bool) {
	mark, _, _ := strings.Cut(txn.Note(metadata), " ")
	return standby.ParseMark(mark)
}

// FiredOf is how far timers of a task had fired when a position was committed, from its
// metadata; ok is false if that does not say.
func FiredOf(metadata string) (Fired, bool) {
	_, fired, _ := strings.Cut(txn.Note(metadata), " ")
	return timer.ParseFired(fired)
}

// mark is committed with the task's positions: which state belongs to them, and how far timers
// have fired.
func (t *task) mark() string {
	if t.kept == nil {
		return ""
	}
	p := t.kept.Position()
	mark := standby.Mark{Changelog: p.Changelog, Next: p.Next}.String()
	if t.queue != nil {
		mark += " " + t.fired().String()
	}
	return mark
}

// weigh says what may go wrong with the changelog later.
func (r *Run) weigh(ctx context.Context, topics kadm.TopicDetails) {
	name := r.p.changelog()
	inputs := math.MaxInt
	for _, in := range r.p.Inputs {
		inputs = min(inputs, replicas(topics[in]))
	}
	if n := replicas(topics[name]); n < inputs {
		r.log.Warn("the changelog has fewer replicas than the inputs: state may be lost where they are not; give it as many with Kafka's own tools, or set default.replication.factor of the cluster before the first start",
			"changelog", name, "replicas", n, "inputs", inputs)
	}
	to, err := r.changelogTopic(ctx)
	if err != nil {
		return // it is asked for again when it is written to
	}
	if to.Takes(maxChange) != nil {
		r.log.Warn("a change of state may be larger than the changelog takes, and would stop the processor: raise max.message.bytes of the changelog, or keep values smaller",
			"changelog", name, "max.message.bytes", to.MaxBytes, "largest_change", maxChange)
	}
}

// replicas is how many the partition has that has the fewest.
func replicas(t kadm.TopicDetail) int {
	least := math.MaxInt
	for _, p := range t.Partitions {
		least = min(least, len(p.Replicas))
	}
	return least
}

// changelogTopic is the changelog, to be written to.
func (r *Run) changelogTopic(ctx context.Context) (*txn.Topic, error) {
	return r.topics.Topic(ctx, r.p.changelog())
}
