package control

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Offsets are positions by topic and partition: the offsets that come next.
type Offsets map[string]map[int32]int64

// offsetsOf are positions as they are declared.
func offsetsOf(at map[string][]int64) Offsets {
	all := Offsets{}
	for topic, offsets := range at {
		all[topic] = map[int32]int64{}
		for p, offset := range offsets {
			all[topic][int32(p)] = offset
		}
	}
	return all
}

// Declared are positions as they are declared: by topic, an offset for each partition; 0
// for one without.
func (o Offsets) Declared() map[string][]int64 {
	all := map[string][]int64{}
	for topic, partitions := range o {
		for p, offset := range partitions {
			for int(p) >= len(all[topic]) {
				all[topic] = append(all[topic], 0)
			}
			all[topic][p] = max(0, offset)
		}
	}
	return all
}

// ErrRunning means that a version has members that run it.
var ErrRunning = errors.New("the version still runs")

// Stopped gives the positions at which a group has stopped; the error is [ErrRunning]
// while it has members.
func Stopped(ctx context.Context, client *kgo.Client, name string) (Offsets, error) {
	found, err := kadm.NewClient(client).DescribeGroups(ctx, name)
	if err != nil {
		return nil, err
	}
	g := found[name]
	switch {
	case errors.Is(g.Err, kerr.GroupIDNotFound): // KIP-1043
	case g.Err != nil:
		return nil, fmt.Errorf("group %s: %w", name, g.Err)
	case len(g.Members) > 0:
		return nil, fmt.Errorf("%w: group %s has %d members", ErrRunning, name, len(g.Members))
	}
	return Positions(ctx, client, name)
}

// Positions are those that a group has committed, with nothing open.
func Positions(ctx context.Context, client *kgo.Client, name string) (Offsets, error) {
	found, err := committed(ctx, client, name)
	all := Offsets{}
	for topic, partitions := range found {
		all[topic] = map[int32]int64{}
		for p, o := range partitions {
			all[topic][p] = o.At
		}
	}
	return all, err
}

// committed is what a group has, with nothing open.
func committed(ctx context.Context, client *kgo.Client, name string) (kadm.OffsetResponses, error) {
	found, err := kadm.NewClient(client).FetchOffsets(kadm.RequireStable(ctx), name)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("positions of group %s: %w", name, err)
	}
	for topic, partitions := range found {
		for p, o := range partitions {
			if o.Err != nil {
				return nil, fmt.Errorf("position of group %s in partition %d of %q: %w", name, p, topic, o.Err)
			}
		}
	}
	return found, nil
}

// Behind is the first partition in which o is before other; ok is false if there is none.
func (o Offsets) Behind(other Offsets) (topic string, partition int32, ok bool) {
	for topic, partitions := range other {
		for p, at := range partitions {
			if o[topic][p] < at {
				return topic, p, true
			}
		}
	}
	return "", 0, false
}
