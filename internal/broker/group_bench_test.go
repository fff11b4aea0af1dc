package broker

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/vfs"
)

// onDisk starts a server on the disk.
func onDisk(b *testing.B) *server {
	b.Helper()
	l, err := log.Open(log.Config{FS: vfs.OS(), Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	br, err := New(Config{Log: l, NodeID: 1})
	if err != nil {
		b.Fatal(err)
	}
	s := &server{Broker: br, t: b, log: l}
	s.listen()
	b.Cleanup(s.stop)
	return s
}

// clients are a few connections that requests are spread over, each with many
// requests under way.
func (s *server) clients(n int) []*kgo.Client {
	var all []*kgo.Client
	for range n {
		all = append(all, s.client())
	}
	return all
}

// each calls f for n numbers at the same time, each with one of the clients.
func each(b *testing.B, clients []*kgo.Client, n int, f func(ctx context.Context, c *kgo.Client, i int) error) {
	b.Helper()
	var g errgroup.Group
	for i := range n {
		g.Go(func() error { return f(b.Context(), clients[i%len(clients)], i) })
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRebalance measures how long it takes until each of 1,000 groups of
// one member has its assignment, durable on the disk, over 8 connections.
func BenchmarkRebalance(b *testing.B) {
	const groups = 1000
	for name, join := range map[string]func(context.Context, *kgo.Client, string) error{
		"classic": joinClassic, "consumer": func(ctx context.Context, c *kgo.Client, group string) error {
			_, err := beat(ctx, c, group, "m", 0, []kmsg.ConsumerGroupHeartbeatRequestTopic{})
			return err
		},
	} {
		b.Run(name+"/1000groups", func(b *testing.B) {
			s := onDisk(b)
			s.create(10, nil, "t")
			clients := s.clients(8)
			each(b, clients, 8, func(ctx context.Context, c *kgo.Client, i int) error { return join(ctx, c, "warm"+strconv.Itoa(i)) })
			round := 0
			for b.Loop() {
				round++
				each(b, clients, groups, func(ctx context.Context, c *kgo.Client, i int) error {
					return join(ctx, c, fmt.Sprintf("g%d-%d", round, i))
				})
			}
		})
	}
}

// BenchmarkLargeGroup measures how long it takes until n members that join one
// group at the same time all have their share of 1,000 partitions.
func BenchmarkLargeGroup(b *testing.B) {
	for _, n := range []int{50, 100, 200, 400, 800} {
		b.Run(fmt.Sprintf("%dmembers", n), func(b *testing.B) {
			s := onDisk(b)
			s.create(1000, nil, "t")
			clients := s.clients(8)
			round := 0
			for b.Loop() {
				round++
				group := fmt.Sprint("g", round)
				var mu sync.Mutex
				total := 0
				members := make([]loadMember, n)
				for total < 1000 {
					total = 0
					each(b, clients, n, func(ctx context.Context, c *kgo.Client, i int) error {
						has, err := members[i].turn(ctx, c, group, strconv.Itoa(i))
						mu.Lock()
						defer mu.Unlock()
						total += has
						return err
					})
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/member")
		})
	}
}

// loadMember is a member that gives up at once what it shall not have.
type loadMember struct {
	epoch int32
	owns  []kmsg.ConsumerGroupHeartbeatRequestTopic
}

// turn sends one heartbeat and returns how many partitions the member has.
func (m *loadMember) turn(ctx context.Context, c *kgo.Client, group, id string) (int, error) {
	if m.owns == nil {
		m.owns = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	}
	resp, err := beat(ctx, c, group, id, m.epoch, m.owns)
	if err != nil {
		return 0, err
	}
	m.epoch = resp.MemberEpoch
	m.owns = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	has := 0
	for _, t := range resp.Assignment.Topics {
		rt := kmsg.NewConsumerGroupHeartbeatRequestTopic()
		rt.TopicID, rt.Partitions = t.TopicID, t.Partitions
		m.owns = append(m.owns, rt)
		has += len(t.Partitions)
	}
	return has, nil
}

// beat sends a heartbeat that says everything.
func beat(ctx context.Context, c *kgo.Client, group, id string, epoch int32, owns []kmsg.ConsumerGroupHeartbeatRequestTopic) (*kmsg.ConsumerGroupHeartbeatResponse, error) {
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Group, req.MemberID, req.MemberEpoch = group, id, epoch
	req.RebalanceTimeoutMillis, req.SubscribedTopicNames, req.Topics = 60_000, []string{"t"}, owns
	resp, err := req.RequestWith(ctx, c)
	if err == nil && resp.ErrorCode != 0 {
		err = fmt.Errorf("heartbeat: %d %s", resp.ErrorCode, *resp.ErrorMessage)
	}
	return resp, err
}

func joinClassic(ctx context.Context, c *kgo.Client, group string) error {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Group, req.ProtocolType, req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = group, "consumer", 45_000, 60_000
	req.InstanceID = kmsg.StringPtr("i") // need not ask for a member id first
	meta := kmsg.NewConsumerMemberMetadata()
	meta.Topics = []string{"t"}
	req.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: meta.AppendTo(nil)}}
	joined, err := req.RequestWith(ctx, c)
	if err == nil {
		err = kerr.ErrorForCode(joined.ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("join: %w", err)
	}
	sync := kmsg.NewPtrSyncGroupRequest()
	sync.ProtocolType, sync.Protocol = joined.ProtocolType, joined.Protocol
	sync.Group, sync.MemberID, sync.Generation, sync.InstanceID = group, joined.MemberID, joined.Generation, req.InstanceID
	sync.ProtocolType, sync.Protocol = kmsg.StringPtr("consumer"), kmsg.StringPtr("range")
	sync.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: joined.MemberID, MemberAssignment: []byte("all of it")}}
	synced, err := sync.RequestWith(ctx, c)
	if err == nil {
		err = kerr.ErrorForCode(synced.ErrorCode)
	}
	return err
}
