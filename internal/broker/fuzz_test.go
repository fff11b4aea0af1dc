package broker

import (
	"context"
	"io"
	"net"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
)

// Invariants: whatever bytes a connection brings, the broker does not panic
// (a recovered panic counts), ends the connection once the bytes have ended, and
// gives back all memory that it charged.
func FuzzRequest(f *testing.F) {
	s := start(f, func(c *Config) { c.AutoCreateTopics = false })
	s.Create(f, "t")
	topic := s.store.Snapshot().Topic("t")
	for _, a := range s.table {
		if a != nil {
			for _, v := range []int16{a.min, a.max} {
				req := kmsg.RequestForKey(a.key)
				req.SetVersion(v)
				f.Add(bytesOf(req))
			}
		}
	}
	for _, req := range adminRequests() {
		f.Add(bytesOf(req))
	}
	f.Add(bytesOf(fetchRequest(12, topic, 0)))
	f.Add(bytesOf(inSession(fetchMany(13, topic, want{0, 0}), 0, 0)))
	f.Add(append(bytesOf(fetchMany(12, topic, want{0, 0})), bytesOf(produceRequest(9, 1, &metadata.Topic{Name: "x"}, nil))...))
	f.Fuzz(func(t *testing.T, b []byte) {
		client, server := net.Pipe()
		done := make(chan struct{})
		go func() {
			s.ServeConn(context.Background(), server, s.info)
			close(done)
		}()
		go io.Copy(io.Discard, client)
		client.Write(b)
		client.Close()
		<-done
		if n := testutil.ToFloat64(s.metrics.connectionErrors.WithLabelValues("internal")); n != 0 {
			t.Fatal("a request made the broker panic")
		}
		waitFor(t, func() bool {
			s.budget.mu.Lock()
			defer s.budget.mu.Unlock()
			return s.budget.mu.free == s.cfg.QueuedRequestBytes
		}, "%d bytes are still charged", s.cfg.QueuedRequestBytes-s.budget.mu.free)
	})
}

// adminRequests are requests with something in each of their arrays.
func adminRequests() []kmsg.Request {
	elect := kmsg.NewPtrElectLeadersRequest()
	elect.Version, elect.Topics = 2, []kmsg.ElectLeadersRequestTopic{{Topic: "t", Partitions: []int32{0, 1}}}
	reassign := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	reassign.Topics = []kmsg.AlterPartitionAssignmentsRequestTopic{{Topic: "t", Partitions: []kmsg.AlterPartitionAssignmentsRequestTopicPartition{{Replicas: []int32{1}}}}}
	move := kmsg.NewPtrAlterReplicaLogDirsRequest()
	move.Version, move.Dirs = 2, []kmsg.AlterReplicaLogDirsRequestDir{{Dir: "/data", Topics: []kmsg.AlterReplicaLogDirsRequestDirTopic{{Topic: "t", Partitions: []int32{0}}}}}
	dirs := kmsg.NewPtrDescribeLogDirsRequest()
	dirs.Version, dirs.Topics = 4, []kmsg.DescribeLogDirsRequestTopic{{Topic: "t", Partitions: []int32{0}}}
	quorum := kmsg.NewPtrDescribeQuorumRequest()
	quorum.Topics = []kmsg.DescribeQuorumRequestTopic{{Topic: metadata.PartitionTopic, Partitions: make([]kmsg.DescribeQuorumRequestTopicPartition, 1)}}
	features := kmsg.NewPtrUpdateFeaturesRequest()
	features.Version, features.FeatureUpdates = 1, []kmsg.UpdateFeaturesRequestFeatureUpdate{{Feature: "transaction.version", MaxVersionLevel: 2, UpgradeType: 1}}
	quotas := kmsg.NewPtrAlterClientQuotasRequest()
	quotas.Version, quotas.Entries = 1, []kmsg.AlterClientQuotasRequestEntry{quotaOf([]string{"user", "", "client-id", "a"}, limit("producer_byte_rate", 1e9))}
	describe := kmsg.NewPtrDescribeClientQuotasRequest()
	describe.Version, describe.Components = 1, []kmsg.DescribeClientQuotasRequestComponent{{EntityType: "user", MatchType: 1}}
	acls := kmsg.NewPtrCreateACLsRequest()
	acls.Version, acls.Creations = 3, make([]kmsg.CreateACLsRequestCreation, 2)
	cursor := &kmsg.DescribeTopicPartitionsRequestCursor{Topic: "t"}
	return []kmsg.Request{
		deleteRequest("t", 0, -1, 0, 1), describePartitions(2, cursor, "t"), createRequest(assigned(newTopic("u", -1, -1, "retention.ms", "1"), []int32{1})),
		elect, reassign, move, dirs, quorum, features, quotas, describe, acls,
	}
}
