package follow

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// groupSession is how long a node may be silent before its partitions go to
	// others; groupHeartbeat is how often it is not.
	groupSession   = 10 * time.Second
	groupHeartbeat = 2 * time.Second
	// groupRefresh is how often members look for new topics.
	groupRefresh = 5 * time.Second
	// groupTopics matches the names that are [Provable].
	groupTopics = "^([^_]|_[^_]|_$|__evident_(resources|audit)$)"
)

// A Group shares out a cluster's partitions between nodes, as a consumer group.
// It reads no records and commits nothing. What it says may be old: the ledger
// bears that two nodes follow one partition.
type Group struct {
	client  *kgo.Client
	changed chan struct{}

	mu struct {
		sync.Mutex
		assigned map[string]map[int32]bool // partitions of this node, by topic
	}
}

// GroupName is the consumer group of the nodes that share a ledger.
func GroupName(origin string) string { return "evident-ledger/" + origin }

// JoinGroup becomes a member of the group of the nodes that share the ledger with
// an origin. The options are those of a client of the cluster. Close leaves.
func JoinGroup(origin string, logger *slog.Logger, opts ...kgo.Opt) (*Group, error) {
	g := &Group{changed: make(chan struct{}, 1)}
	g.mu.assigned = map[string]map[int32]bool{}
	client, err := kgo.NewClient(append(opts,
		kgo.ConsumerGroup(GroupName(origin)), kgo.ConsumeRegex(), kgo.ConsumeTopics(groupTopics),
		kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()),
		kgo.SessionTimeout(groupSession), kgo.HeartbeatInterval(groupHeartbeat), kgo.MetadataMaxAge(groupRefresh),
		kgo.OnPartitionsAssigned(func(_ context.Context, c *kgo.Client, added map[string][]int32) {
			c.PauseFetchPartitions(added) // the follower fetches
			logger.Info("partitions were assigned to this node's ledger", "partitions", fmt.Sprint(added))
			g.change(added, true)
		}),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, lost map[string][]int32) { g.change(lost, false) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, lost map[string][]int32) { g.change(lost, false) }),
	)...)
	if err != nil {
		return nil, fmt.Errorf("consumer group of the ledger: %w", err)
	}
	g.client = client
	return g, nil
}

func (g *Group) change(partitions map[string][]int32, assigned bool) {
	g.mu.Lock()
	for topic, list := range partitions {
		if g.mu.assigned[topic] == nil {
			g.mu.assigned[topic] = map[int32]bool{}
		}
		for _, p := range list {
			if assigned {
				g.mu.assigned[topic][p] = true
			} else {
				delete(g.mu.assigned[topic], p)
			}
		}
		if len(g.mu.assigned[topic]) == 0 {
			delete(g.mu.assigned, topic)
		}
	}
	g.mu.Unlock()
	select {
	case g.changed <- struct{}{}:
	default: // it is known
	}
}

// Has tells whether a partition is this node's.
func (g *Group) Has(topic string, partition int32) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.assigned[topic][partition]
}

// Changed receives a value when partitions came or went.
func (g *Group) Changed() <-chan struct{} { return g.changed }

// Close leaves the group, so that others get the partitions at once. A nil group
// has nothing to leave.
func (g *Group) Close() {
	if g != nil {
		g.client.Close()
	}
}
