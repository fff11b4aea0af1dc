package deduplication

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/evidentlog/evident/internal/resource"
)

// errVersion is wrapped by what is said of changes that need another version, or of a
// version that is not said right.
var errVersion = errors.New("version")

// reconciler looks after what is left of what is declared: nodes that follow it run it.
type reconciler struct{ cfg Config }

// Examine says what is wrong with changes, such as those that would leave a version with
// ids that are none of its own.
func (c *reconciler) Examine(_ context.Context, changes []resource.Change, _ resource.Allowed) map[resource.Key]error {
	refused := map[resource.Key]error{}
	for _, change := range changes {
		if change.After == nil {
			continue
		}
		if err := c.examine(change); err != nil {
			refused[change.Key] = err
		}
	}
	return refused
}

func (c *reconciler) examine(change resource.Change) error {
	after, err := Read(change.After)
	if err == nil {
		err = c.cfg.Check(change.Key.Name, after)
	}
	if err != nil || change.Before == nil {
		return err
	}
	before, err := Read(change.Before)
	if err != nil {
		return err
	}
	if before.Number() != after.Number() {
		return follows(&before, &after)
	}
	return c.stays(&before, &after)
}

// stays says what is wrong with a change of a version.
func (c *reconciler) stays(before, after *Spec) error {
	switch {
	case before.Input != after.Input:
		return fmt.Errorf("%w %d has seen ids of the topic %q: to read %q say version: %d", errVersion, before.Number(), before.Input, after.Input, before.Number()+1)
	case c.key(before) != c.key(after):
		return fmt.Errorf("%w %d has seen ids by the key %q: to find them by %q say version: %d", errVersion, before.Number(), c.key(before), c.key(after), before.Number()+1)
	case continued(before) != continued(after):
		return fmt.Errorf("%w %d is there already, and continues %d: that is not changed any more", errVersion, before.Number(), continued(before))
	}
	return nil
}

// follows says what is wrong with the version that comes after one.
func follows(before, after *Spec) error {
	was, is := before.Number(), after.Number()
	switch {
	case is < was:
		return fmt.Errorf("%w %d was there before version %d: say a higher one, such as %d", errVersion, is, was, was+1)
	case after.Continues == nil:
		return fmt.Errorf("%w %d begins without ids: say continues: %d, and what it reads is written from where version %d has stopped, or continues: 0, and all of it is", errVersion, is, was, was)
	case *after.Continues != 0 && *after.Continues != was:
		return fmt.Errorf("%w %d cannot continue version %d: the one before is version %d", errVersion, is, *after.Continues, was)
	case *after.Continues != 0 && before.Input != after.Input:
		return fmt.Errorf("%w %d reads %q and cannot continue version %d, which has read %q: say continues: 0", errVersion, is, after.Input, was, before.Input)
	}
	return nil
}

func continued(s *Spec) int {
	if s.Continues == nil {
		return 0
	}
	return *s.Continues
}

func (c *reconciler) key(s *Spec) string { return cmp.Or(s.Key, c.cfg.DefaultKey) }

// Make removes what those leave that are declared no more, if data may go.
func (c *reconciler) Make(ctx context.Context, changes []resource.Change, allowed resource.Allowed) map[resource.Key]error {
	failed := map[resource.Key]error{}
	for _, change := range changes {
		if change.After != nil || !allowed.DeleteData {
			continue
		}
		if err := c.cfg.Remove(ctx, change.Key.Name); err != nil {
			failed[change.Key] = fmt.Errorf("it is declared no more, and not all that it has left is removed: %w", err)
		}
	}
	return failed
}

// Drift tells of none: nothing is outside that others change.
func (c *reconciler) Drift(context.Context, []*resource.Resource) (map[resource.Key][]resource.Difference, error) {
	return nil, nil
}
