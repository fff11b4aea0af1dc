package broker

import (
	"errors"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/vfs"
)

func TestElectionsAreNotNeeded(t *testing.T) {
	s := start(t)
	s.topic("t", 2)
	ask := func(kind int8, topics ...kmsg.ElectLeadersRequestTopic) *kmsg.ElectLeadersResponse {
		req := kmsg.NewPtrElectLeadersRequest()
		req.Version, req.ElectionType, req.Topics = 2, kind, topics
		return ask[*kmsg.ElectLeadersResponse](s.dial(), req)
	}
	asked := []kmsg.ElectLeadersRequestTopic{{Topic: "t", Partitions: []int32{0, 2, 0}}, {Topic: "gone", Partitions: []int32{0}}}
	for kind := range int8(2) {
		resp := ask(kind, asked...)
		var got []error
		for _, st := range resp.Topics {
			for _, sp := range st.Partitions {
				got = append(got, kerr.ErrorForCode(sp.ErrorCode))
			}
		}
		want := []error{kerr.ElectionNotNeeded, kerr.UnknownTopicOrPartition, kerr.ElectionNotNeeded, kerr.UnknownTopicOrPartition}
		if fmt.Sprint(got) != fmt.Sprint(want) || resp.ErrorCode != 0 {
			t.Errorf("type %d: got %d, %v; want %v", kind, resp.ErrorCode, got, want)
		}
	}
	if resp := ask(2, asked...); resp.ErrorCode != kerr.InvalidRequest.Code || resp.Topics[0].Partitions[0].ErrorCode != kerr.InvalidRequest.Code {
		t.Errorf("unknown type: got %+v", resp)
	}
	if resp := ask(0); resp.ErrorCode != 0 || len(resp.Topics) != 0 {
		t.Errorf("all topics: got %+v", resp)
	}
}

func TestReassignmentsLeaveEverythingWhereItIs(t *testing.T) {
	s := start(t)
	s.topic("t", 1)
	for _, c := range []struct {
		topic     string
		partition int32
		replicas  []int32
		want      *kerr.Error
		text      string
	}{
		{"t", 0, []int32{1}, nil, ""},
		{"t", 0, nil, kerr.NoReassignmentInProgress, "one broker"},
		{"t", 0, []int32{2}, kerr.InvalidReplicaAssignment, "[2]"},
		{"t", 0, []int32{1, 1}, kerr.InvalidReplicaAssignment, "[1 1]"},
		{"t", 0, []int32{}, kerr.InvalidReplicaAssignment, "[]"},
		{"t", 1, []int32{1}, kerr.UnknownTopicOrPartition, ""},
		{"gone", 0, nil, kerr.UnknownTopicOrPartition, ""},
	} {
		req := kmsg.NewPtrAlterPartitionAssignmentsRequest()
		req.Version = 1
		rt := kmsg.NewAlterPartitionAssignmentsRequestTopic()
		rt.Topic = c.topic
		rt.Partitions = []kmsg.AlterPartitionAssignmentsRequestTopicPartition{{Partition: c.partition, Replicas: c.replicas}}
		req.Topics = append(req.Topics, rt)
		resp := ask[*kmsg.AlterPartitionAssignmentsResponse](s.dial(), req)
		sp := resp.Topics[0].Partitions[0]
		check(t, fmt.Sprint(c.topic, "-", c.partition, " to ", c.replicas), sp.ErrorCode, sp.ErrorMessage, c.want, c.text)
	}
	list := kmsg.NewPtrListPartitionReassignmentsRequest()
	list.Topics = []kmsg.ListPartitionReassignmentsRequestTopic{{Topic: "t", Partitions: []int32{0}}}
	for range 2 {
		if resp := ask[*kmsg.ListPartitionReassignmentsResponse](s.dial(), list); resp.ErrorCode != 0 || len(resp.Topics) != 0 {
			t.Errorf("got %+v", resp)
		}
		list.Topics = nil // all
	}
}

func TestTheQuorumIsThisBroker(t *testing.T) {
	s := start(t)
	s.topic("t", 1)
	describe := func(topic string, partitions ...int32) *kmsg.DescribeQuorumResponse {
		req := kmsg.NewPtrDescribeQuorumRequest()
		req.Version = 2
		rt := kmsg.NewDescribeQuorumRequestTopic()
		rt.Topic = topic
		for _, n := range partitions {
			rt.Partitions = append(rt.Partitions, kmsg.DescribeQuorumRequestTopicPartition{Partition: n})
		}
		req.Topics = append(req.Topics, rt)
		return ask[*kmsg.DescribeQuorumResponse](s.dial(), req)
	}
	resp := describe(metadata.PartitionTopic, 0)
	const written = 3 // the cluster's id, its secret, the topic
	sp := resp.Topics[0].Partitions[0]
	if sp.ErrorCode != 0 || sp.LeaderID != 1 || sp.HighWatermark != written || len(sp.CurrentVoters) != 1 || len(sp.Observers) != 0 {
		t.Fatalf("got %+v", sp)
	}
	if v := sp.CurrentVoters[0]; v.ReplicaID != 1 || v.LogEndOffset != written || v.LastCaughtUpTimestamp <= 0 {
		t.Errorf("got %+v", v)
	}
	if len(resp.Nodes) != 1 || resp.Nodes[0].NodeID != 1 {
		t.Errorf("got %+v", resp.Nodes)
	}
	for _, resp := range []*kmsg.DescribeQuorumResponse{
		describe("t", 0), describe(metadata.PartitionTopic, 1), describe(metadata.PartitionTopic, 0, 1),
	} {
		for _, sp := range resp.Topics[0].Partitions {
			check(t, resp.Topics[0].Topic, sp.ErrorCode, sp.ErrorMessage, kerr.UnknownTopicOrPartition, "__cluster_metadata-0")
		}
	}
}

func TestFeaturesCannotBeChanged(t *testing.T) {
	s := start(t)
	for version := range int16(3) {
		req := kmsg.NewPtrUpdateFeaturesRequest()
		req.Version = version
		resp := ask[*kmsg.UpdateFeaturesResponse](s.dial(), req)
		check(t, "nothing", resp.ErrorCode, resp.ErrorMessage, nil, "")
		update := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
		update.Feature, update.MaxVersionLevel, update.UpgradeType = "eligible.leader.replicas.version", 1, 1
		req.FeatureUpdates = append(req.FeatureUpdates, update)
		resp = ask[*kmsg.UpdateFeaturesResponse](s.dial(), req)
		check(t, fmt.Sprint("version ", version), resp.ErrorCode, resp.ErrorMessage, kerr.InvalidUpdateVersion, "no such feature")
		if len(resp.Results) > 0 {
			t.Errorf("version %d: results beside an error: %+v", version, resp.Results)
		}
	}
}

func TestFeaturesCanBeSetToWhatTheyAre(t *testing.T) {
	s := start(t)
	for level, want := range map[int16]string{-1: "at least 0", 0: "cannot change", 1: "cannot change", 2: "", 3: "0 to 2"} {
		req := kmsg.NewPtrUpdateFeaturesRequest()
		req.Version = 1
		req.FeatureUpdates = []kmsg.UpdateFeaturesRequestFeatureUpdate{{Feature: "transaction.version", MaxVersionLevel: level, UpgradeType: 1}}
		resp := ask[*kmsg.UpdateFeaturesResponse](s.dial(), req)
		if want == "" {
			check(t, "the level in force", resp.ErrorCode, resp.ErrorMessage, nil, "")
			if len(resp.Results) != 1 || resp.Results[0].Feature != "transaction.version" {
				t.Errorf("got %+v", resp.Results)
			}
			continue
		}
		check(t, fmt.Sprint("level ", level), resp.ErrorCode, resp.ErrorMessage, kerr.InvalidUpdateVersion, want)
		req.FeatureUpdates[0].UpgradeType = 4
		resp = ask[*kmsg.UpdateFeaturesResponse](s.dial(), req)
		check(t, "unknown type", resp.ErrorCode, resp.ErrorMessage, kerr.InvalidUpdateVersion, "type 4")
	}
}

func TestACLsAreOff(t *testing.T) {
	s := start(t)
	for version := int16(1); version <= 3; version++ {
		describe := kmsg.NewPtrDescribeACLsRequest()
		describe.Version = version
		resp := ask[*kmsg.DescribeACLsResponse](s.dial(), describe)
		check(t, "describe", resp.ErrorCode, resp.ErrorMessage, kerr.SecurityDisabled, "authorization is off")

		create := kmsg.NewPtrCreateACLsRequest()
		create.Version, create.Creations = version, make([]kmsg.CreateACLsRequestCreation, 2)
		created := ask[*kmsg.CreateACLsResponse](s.dial(), create).Results
		remove := kmsg.NewPtrDeleteACLsRequest()
		remove.Version, remove.Filters = version, make([]kmsg.DeleteACLsRequestFilter, 2)
		removed := ask[*kmsg.DeleteACLsResponse](s.dial(), remove).Results
		if len(created) != 2 || len(removed) != 2 {
			t.Fatalf("got %+v, %+v", created, removed)
		}
		check(t, "create", created[1].ErrorCode, created[1].ErrorMessage, kerr.SecurityDisabled, "authorization is off")
		check(t, "delete", removed[1].ErrorCode, removed[1].ErrorMessage, kerr.SecurityDisabled, "authorization is off")
	}
}

func TestLogDirsTellSizesAndTheDisksRoom(t *testing.T) {
	disk := vfs.NewMem()
	s := startOn(t, disk)
	topic := s.topic("t", 2)
	s.topic("u", 1)
	s.append(topic, 0, "a", "b")
	disk.SetLimit(1 << 40)
	describe := func(topics kadm.TopicsSet) kadm.DescribedLogDir {
		t.Helper()
		dirs, err := s.admin().DescribeBrokerLogDirs(t.Context(), 1, topics)
		if err != nil || len(dirs) != 1 {
			t.Fatal(err, dirs)
		}
		return dirs["/data"]
	}
	all := describe(nil)
	if all.TotalBytes != 1<<40 || all.UsableBytes <= 0 || all.UsableBytes >= all.TotalBytes {
		t.Errorf("%d bytes of %d are free", all.UsableBytes, all.TotalBytes)
	}
	if n := len(all.Topics["t"]); n != 2 || len(all.Topics) != 2 || all.Topics["t"][0].Size != topic.Partition(0).Size() {
		t.Errorf("got %+v", all.Topics)
	}
	asked := make(kadm.TopicsSet)
	asked.Add("t", 1, 7)
	asked.Add("gone", 0)
	if some := describe(asked); len(some.Topics) != 1 || len(some.Topics["t"]) != 1 {
		t.Errorf("got %+v", some.Topics)
	}
}

func TestReplicasStayInTheOnlyLogDir(t *testing.T) {
	s := start(t)
	s.topic("t", 1)
	for _, c := range []struct {
		dir, topic string
		want       error
	}{
		{"/data", "t", nil},
		{"/data", "gone", kerr.UnknownTopicOrPartition},
		{"/elsewhere", "t", kerr.LogDirNotFound},
	} {
		req := kmsg.NewPtrAlterReplicaLogDirsRequest()
		req.Version = 2
		req.Dirs = []kmsg.AlterReplicaLogDirsRequestDir{{Dir: c.dir, Topics: []kmsg.AlterReplicaLogDirsRequestDirTopic{{Topic: c.topic, Partitions: []int32{0}}}}}
		sp := ask[*kmsg.AlterReplicaLogDirsResponse](s.dial(), req).Topics[0].Partitions[0]
		if got := kerr.ErrorForCode(sp.ErrorCode); !errors.Is(got, c.want) {
			t.Errorf("%s to %s: got %v, want %v", c.topic, c.dir, got, c.want)
		}
	}
}

// As in Kafka, which keeps one folder a partition.
func TestAPartitionGoesToTheLastFolderThatIsNamedForIt(t *testing.T) {
	s := start(t)
	s.topic("t", 1)
	topics := []kmsg.AlterReplicaLogDirsRequestDirTopic{{Topic: "t", Partitions: []int32{0, 0}}}
	req := kmsg.NewPtrAlterReplicaLogDirsRequest()
	req.Version = 2
	req.Dirs = []kmsg.AlterReplicaLogDirsRequestDir{{Dir: "/elsewhere", Topics: topics}, {Dir: "/data", Topics: topics}}
	got := ask[*kmsg.AlterReplicaLogDirsResponse](s.dial(), req).Topics
	if len(got) != 1 || len(got[0].Partitions) != 1 || got[0].Partitions[0].ErrorCode != 0 {
		t.Errorf("got %+v", got)
	}
}
