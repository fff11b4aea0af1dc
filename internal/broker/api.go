package broker

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/wire"
)

const (
	keyProduce     = 0
	keyApiVersions = 18
	// maxKey is above every API key in the table.
	maxKey = 128
)

// api is one kind of request. Either start or handle is set.
type api struct {
	key      int16
	min, max int16 // versions that ApiVersions lists
	flexible int16 // first flexible version
	// start is called by a connection's reader. It must not wait; it sees to it
	// that the call is answered, now or later.
	start func(*call) error
	// handle is called by the connection's writer when all earlier requests
	// have been answered. It may wait, until ctx ends.
	handle func(context.Context, *call) (answer, error)
}

func (a *api) name() string { return kmsg.NameForKey(a.key) }

// apis is every kind of request that the broker answers, by key.
func (b *Broker) apis() [maxKey]*api {
	var table [maxKey]*api
	for _, a := range []*api{
		{key: keyProduce, min: 0, max: 13, start: b.produce},
		{key: 1, min: 4, max: 18, handle: b.fetch},
		{key: 2, min: 1, max: 11, handle: handled(b.listOffsets)},
		{key: 3, min: 0, max: 13, handle: handled(b.metadata)},
		{key: 8, min: 2, max: 10, start: coordinated(b.groups.OffsetCommit)},
		{key: 9, min: 1, max: 10, start: coordinated(b.groups.OffsetFetch)},
		{key: 10, min: 0, max: 6, handle: handled(b.findCoordinator)},
		{key: 11, min: 0, max: 9, start: coordinated(b.groups.Join)},
		{key: 12, min: 0, max: 4, start: coordinated(b.groups.Heartbeat)},
		{key: 13, min: 0, max: 5, start: coordinated(b.groups.LeaveGroup)},
		{key: 14, min: 0, max: 5, start: coordinated(b.groups.SyncGroup)},
		{key: 15, min: 0, max: 6, start: coordinated(b.groups.DescribeGroups)},
		{key: 16, min: 0, max: 5, start: coordinated(b.groups.ListGroups)},
		{key: keySaslHandshake, min: 0, max: 1, handle: b.saslHandshake},
		{key: keyApiVersions, min: 0, max: 5, handle: b.apiVersions},
		{key: 19, min: 2, max: 7, handle: handled(b.createTopics)},
		{key: 20, min: 1, max: 6, handle: handled(b.deleteTopics)},
		{key: 21, min: 0, max: 2, handle: handled(b.deleteRecords)},
		{key: 22, min: 0, max: 5, handle: handled(b.initProducerID)},
		{key: 23, min: 2, max: 4, handle: handled(b.offsetForLeaderEpoch)},
		{key: 24, min: 0, max: 3, start: transacted(b.transactions.AddPartitionsToTxn)},
		{key: 25, min: 0, max: 4, start: transacted(b.addOffsetsToTxn)},
		{key: 26, min: 0, max: 5, start: transacted(b.transactions.EndTxn)},
		{key: 28, min: 0, max: 5, start: transacted(b.txnOffsetCommit)},
		{key: 29, min: 1, max: 3, handle: handled(b.describeACLs)},
		{key: 30, min: 1, max: 3, handle: handled(b.createACLs)},
		{key: 31, min: 1, max: 3, handle: handled(b.deleteACLs)},
		{key: 32, min: 1, max: 4, handle: handled(b.describeConfigs)},
		{key: 33, min: 0, max: 2, handle: handled(b.alterConfigs)},
		{key: 34, min: 1, max: 2, handle: handled(b.alterReplicaLogDirs)},
		{key: 35, min: 1, max: 5, handle: handled(b.describeLogDirs)},
		{key: keySaslAuthenticate, min: 0, max: 2, handle: b.saslAuthenticate},
		{key: 37, min: 0, max: 3, handle: handled(b.createPartitions)},
		{key: 42, min: 0, max: 2, start: coordinated(b.groups.DeleteGroups)},
		{key: 43, min: 0, max: 2, handle: handled(b.electLeaders)},
		{key: 44, min: 0, max: 1, handle: handled(b.incrementalAlterConfigs)},
		{key: 45, min: 0, max: 1, handle: handled(b.alterPartitionAssignments)},
		{key: 46, min: 0, max: 0, handle: handled(b.listPartitionReassignments)},
		{key: 47, min: 0, max: 0, start: coordinated(b.groups.OffsetDelete)},
		{key: 48, min: 0, max: 1, handle: handled(b.describeClientQuotas)},
		{key: 49, min: 0, max: 1, handle: handled(b.alterClientQuotas)},
		{key: 50, min: 0, max: 0, handle: handled(b.describeUserScramCredentials)},
		{key: 51, min: 0, max: 0, handle: handled(b.alterUserScramCredentials)},
		{key: 55, min: 0, max: 2, handle: handled(b.describeQuorum)},
		{key: 57, min: 0, max: 2, handle: handled(b.updateFeatures)},
		{key: 60, min: 0, max: 2, handle: handled(b.describeCluster)},
		{key: 61, min: 0, max: 0, handle: handled(b.describeProducers)},
		{key: 65, min: 0, max: 0, handle: handled(b.describeTransactions)},
		{key: 66, min: 0, max: 2, handle: handled(b.listTransactions)},
		{key: 68, min: 0, max: 1, start: coordinated(b.groups.ConsumerGroupHeartbeat)},
		{key: 69, min: 0, max: 1, start: coordinated(b.groups.ConsumerGroupDescribe)},
		{key: 75, min: 0, max: 0, handle: handled(b.describeTopicPartitions)},
		{key: 76, min: 1, max: 1, start: coordinated(b.groups.ShareGroupHeartbeat)},
		{key: 77, min: 1, max: 1, start: coordinated(b.groups.ShareGroupDescribe)},
		{key: 78, min: 1, max: 2, handle: b.shareFetch},
		{key: 79, min: 1, max: 2, handle: b.shareAcknowledge},
		{key: 90, min: 0, max: 1, start: coordinated(b.groups.DescribeShareGroupOffsets)},
		{key: 91, min: 0, max: 0, start: coordinated(b.groups.AlterShareGroupOffsets)},
		{key: 92, min: 0, max: 0, start: coordinated(b.groups.DeleteShareGroupOffsets)},
	} {
		a.flexible = firstFlexible(a)
		table[a.key] = a
	}
	return table
}

func firstFlexible(a *api) int16 {
	req := kmsg.RequestForKey(a.key)
	for v := range a.max + 1 {
		if req.SetVersion(v); req.IsFlexible() {
			return v
		}
	}
	return a.max + 1
}

func (a *api) has(version int16) bool { return a.min <= version && version <= a.max }

// handled makes a handler of a function of a decoded request.
func handled[R any, P interface {
	*R
	kmsg.Request
}](f func(context.Context, *call, P) kmsg.Response) func(context.Context, *call) (answer, error) {
	return func(ctx context.Context, c *call) (answer, error) {
		req := P(new(R))
		if err := c.decode(req); err != nil {
			return nil, err
		}
		return response{f(ctx, c, req)}, nil
	}
}

// decode reads the call's body into req, which keeps parts of it.
func (c *call) decode(req kmsg.Request) error {
	if err := wire.Check(c.api.key, c.version, c.body); err != nil {
		return err
	}
	req.SetVersion(c.version)
	if err := req.ReadFrom(c.body); err != nil {
		return fmt.Errorf("%w: %s version %d: %w", wire.ErrMalformed, c.api.name(), c.version, err)
	}
	return checkRepeats(c, req)
}

// reply makes the response that goes with req.
func reply[R kmsg.Response](req kmsg.Request) R { return req.ResponseKind().(R) }
