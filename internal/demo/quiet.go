package demo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// lookEvery is how often groups are asked how far they are.
const lookEvery = 20 * time.Millisecond

// joined waits until every service is a member of its group and has partitions, so that
// latency is not that of joining.
func (o *observer) joined(ctx context.Context) error {
	err := o.ask(ctx, func() (bool, error) {
		absent, err := o.absent(ctx)
		return len(absent) == 0, err
	})
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mu.started = err == nil
	return err
}

// absent are the services that have not joined.
func (o *observer) absent(ctx context.Context) ([]string, error) {
	groups, err := o.admin.DescribeGroups(ctx, groups()...)
	if err != nil {
		return nil, fmt.Errorf("describe groups: %w", err)
	}
	var absent []string
	for _, s := range services() {
		if g := groups[s.group()]; g.Err != nil || g.State != "Stable" || len(g.Members) == 0 {
			absent = append(absent, s.name+" has not joined its consumer group"+because(g.Err))
		}
	}
	return absent, nil
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return fmt.Sprintf(" (%v)", err)
}

func groups() []string {
	var all []string
	for _, s := range services() {
		all = append(all, s.group())
	}
	return all
}

// quiet waits until every order has its final status, and every service has handled
// every event of its topics. What a service writes is committed together with how far it
// is, so nothing more is to come then. It is for when the feed has ended.
func (o *observer) quiet(ctx context.Context) error {
	o.mu.Lock()
	o.mu.draining = true
	o.mu.Unlock()
	if err := o.room(ctx, 1); err != nil {
		return err
	}
	return o.ask(ctx, func() (bool, error) {
		lag, err := o.lag(ctx)
		return len(lag) == 0, err
	})
}

// lag says, for people, what each service has not handled yet.
func (o *observer) lag(ctx context.Context) ([]string, error) {
	committed := o.admin.FetchManyOffsets(ctx, groups()...)
	if err := committed.Error(); err != nil {
		return nil, fmt.Errorf("offsets of groups: %w", err)
	}
	ends, err := o.ends(ctx) // after the offsets: what follows from them is in the topics
	if err != nil {
		return nil, err
	}
	if err := o.upTo(ctx, ends); err != nil {
		return nil, err
	}
	var lag []string
	events := o.events()
	for _, s := range services() {
		for at, end := range events {
			if slices.Contains(s.reads, at.topic) && offsetOf(committed[s.group()], at) < end {
				lag = append(lag, fmt.Sprintf("%s has not handled all events of %s, partition %d", s.name, at.topic, at.partition))
			}
		}
	}
	slices.Sort(lag)
	return lag, nil
}

func offsetOf(group kadm.FetchOffsetsResponse, at place) int64 {
	r, ok := group.Fetched.Lookup(at.topic, at.partition)
	if !ok {
		return -1
	}
	return r.At
}

// ask asks the cluster something until the answer is yes. A cluster that is away for a
// while does not matter.
func (o *observer) ask(ctx context.Context, what func() (bool, error)) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		yes, err := what()
		if yes && err == nil {
			return nil
		}
		if err != nil {
			o.mu.Lock()
			o.mu.trouble = err
			o.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// StallError says that the order system stood still with work left.
type StallError struct {
	After time.Duration // how long nothing moved
	Open  int           // orders without a final status
	Lag   []string      // what each service has not handled, or why that is not known
}

// Error implements error.
func (e *StallError) Error() string {
	return fmt.Sprintf("nothing moved for %v with %d orders under way: %s", e.After, e.Open, strings.Join(e.Lag, "; "))
}

// stalls returns a *StallError once work is left and nothing moved for so long, or nil
// when ctx ends.
func (o *observer) stalls(ctx context.Context, after time.Duration) error {
	tick := time.NewTicker(max(after/8, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if open, still := o.still(after); still {
				return &StallError{After: after, Open: open, Lag: o.why(ctx)}
			}
		}
	}
}

// still tells whether work is left and nothing moved for so long.
func (o *observer) still(after time.Duration) (open int, still bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.mu.begun), (o.mu.draining || !o.mu.started || len(o.mu.begun) > 0) && time.Since(o.mu.moved) >= after
}

// whyPatience is how long it may take to find out why nothing moves.
const whyPatience = 15 * time.Second

// why says what stands still.
func (o *observer) why(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, whyPatience)
	defer cancel()
	why, err := o.absent(ctx)
	if err == nil && len(why) == 0 {
		why, err = o.lag(ctx)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := cmp.Or(o.mu.trouble, err); err != nil {
		why = append(why, err.Error())
	}
	return why
}
