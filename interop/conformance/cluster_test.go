package conformance

import (
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestTheQuorumHasALeaderWhoVotes(t *testing.T) {
	req := kmsg.NewPtrDescribeQuorumRequest()
	req.Topics = []kmsg.DescribeQuorumRequestTopic{{Topic: "__cluster_metadata", Partitions: []kmsg.DescribeQuorumRequestTopicPartition{{Partition: 0}}}}
	resp := ask[*kmsg.DescribeQuorumResponse](t, peer.addresses[0], req, 2)
	wantCode(t, "quorum", resp.ErrorCode, nil)
	p := resp.Topics[0].Partitions[0]
	wantCode(t, "partition", p.ErrorCode, nil)
	leads := func(v kmsg.DescribeQuorumResponseTopicPartitionReplicaState) bool { return v.ReplicaID == p.LeaderID }
	if len(p.CurrentVoters) != peer.brokers || !slices.ContainsFunc(p.CurrentVoters, leads) || len(resp.Nodes) != peer.brokers {
		t.Errorf("got %+v", resp)
	}
	if i := slices.IndexFunc(p.CurrentVoters, leads); i >= 0 && (p.HighWatermark <= 0 || p.CurrentVoters[i].LogEndOffset < p.HighWatermark) {
		t.Errorf("the leader has records to %d, and %d are agreed on", p.CurrentVoters[i].LogEndOffset, p.HighWatermark)
	}
}

// A partition may be sent to the folder where it is.
func TestAPartitionMayStayInItsFolder(t *testing.T) {
	c, topic := newLog(t)
	folders := kmsg.NewPtrDescribeLogDirsRequest()
	folders.Topics = []kmsg.DescribeLogDirsRequestTopic{{Topic: topic, Partitions: []int32{0}}}
	dirs := c.do(folders, 4).(*kmsg.DescribeLogDirsResponse).Dirs
	i := slices.IndexFunc(dirs, func(d kmsg.DescribeLogDirsResponseDir) bool { return len(d.Topics) == 1 })
	if i < 0 {
		t.Fatalf("no folder has it: %+v", dirs)
	}
	move := kmsg.NewPtrAlterReplicaLogDirsRequest()
	move.Dirs = []kmsg.AlterReplicaLogDirsRequestDir{{Dir: dirs[i].Dir, Topics: []kmsg.AlterReplicaLogDirsRequestDirTopic{{Topic: topic, Partitions: []int32{0, 7}}, {Topic: name(t, "nowhere"), Partitions: []int32{0}}}}}
	for _, rt := range c.do(move, 2).(*kmsg.AlterReplicaLogDirsResponse).Topics {
		for _, p := range rt.Partitions {
			want := kerr.UnknownTopicOrPartition
			if rt.Topic == topic && p.Partition == 0 {
				want = nil
			}
			wantCode(t, fmt.Sprintf("%s-%d", rt.Topic, p.Partition), p.ErrorCode, want)
		}
	}
}
