package broker

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
)

// newTopic is a topic of a CreateTopics request.
func newTopic(name string, partitions int32, replicas int16, configs ...string) kmsg.CreateTopicsRequestTopic {
	rt := kmsg.NewCreateTopicsRequestTopic()
	rt.Topic, rt.NumPartitions, rt.ReplicationFactor = name, partitions, replicas
	for i := 0; i < len(configs); i += 2 {
		rt.Configs = append(rt.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: configs[i], Value: &configs[i+1]})
	}
	return rt
}

// assigned gives each partition replicas.
func assigned(rt kmsg.CreateTopicsRequestTopic, replicas ...[]int32) kmsg.CreateTopicsRequestTopic {
	for i, r := range replicas {
		rt.ReplicaAssignment = append(rt.ReplicaAssignment, kmsg.CreateTopicsRequestTopicReplicaAssignment{Partition: int32(i), Replicas: r})
	}
	return rt
}

func createRequest(topics ...kmsg.CreateTopicsRequestTopic) *kmsg.CreateTopicsRequest {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Version, req.Topics = 7, topics
	return req
}

// check compares an error code and its message with what is wanted.
func check(t *testing.T, what string, code int16, message *string, want *kerr.Error, text string) {
	t.Helper()
	got := kerr.ErrorForCode(code)
	if want == nil {
		if got != nil || message != nil {
			t.Errorf("%s: got %v", what, got)
		}
		return
	}
	if got != error(want) || message == nil || !strings.Contains(*message, text) {
		shown := "none"
		if message != nil {
			shown = *message
		}
		t.Errorf("%s: got %v, message %s; want %v with %q", what, got, shown, want, text)
	}
}

func TestCreateTopicsAnswersAsKafka(t *testing.T) {
	s := start(t, func(c *Config) { c.DefaultPartitions = 3 })
	s.topic("there", 1)
	s.topic("there_", 1)
	null := newTopic("x", 1, 1)
	null.Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: "retention.ms"}}
	renumbered := assigned(newTopic("x", -1, -1), []int32{1}, []int32{1})
	renumbered.ReplicaAssignment[1].Partition = 7
	for _, c := range []struct {
		what  string
		topic kmsg.CreateTopicsRequestTopic
		want  *kerr.Error
		text  string
	}{
		{"exists", newTopic("there", 1, 1), kerr.TopicAlreadyExists, `"there"`},
		{"no name", newTopic("", 1, 1), kerr.InvalidTopicException, "empty"},
		{"bad name", newTopic("a/b", 1, 1), kerr.InvalidTopicException, `'/'`},
		{"reserved name", newTopic(metadata.PartitionTopic, 1, 1), kerr.InvalidRequest, "broker"},
		{"name of dots", newTopic("..", 1, 1), kerr.InvalidTopicException, `".."`},
		{"name with a newline", newTopic("a\nb", 1, 1), kerr.InvalidTopicException, `'\n'`},
		{"name in another script", newTopic("ö", 1, 1), kerr.InvalidTopicException, "only letters"},
		{"long name", newTopic(strings.Repeat("x", 250), 1, 1), kerr.InvalidTopicException, "250"},
		{"colliding name", newTopic("there.", 1, 1), kerr.InvalidTopicException, `"there_"`},
		{"exists, and all else is wrong", newTopic("there", 0, 9, "retention", "1"), kerr.TopicAlreadyExists, `"there"`},
		{"config and replicas", newTopic("x", 1, 9, "retention", "1"), kerr.InvalidConfig, `"retention"`},
		{"config and partitions", newTopic("x", 0, 1, "retention", "1"), kerr.InvalidConfig, `"retention"`},
		{"replicas and partitions", newTopic("x", 0, 3), kerr.InvalidPartitions, "0"},
		{"neither", newTopic("x", 0, 0), kerr.InvalidReplicationFactor, "0"},
		{"negative replicas", newTopic("x", 1, -2), kerr.InvalidReplicationFactor, "-2"},
		{"empty assignment", assigned(newTopic("x", -1, -1), []int32{}), kerr.InvalidReplicaAssignment, "[]"},
		{"no partitions", newTopic("x", 0, 1), kerr.InvalidPartitions, "0"},
		{"negative partitions", newTopic("x", -2, 1), kerr.InvalidPartitions, "-2"},
		{"too many partitions", newTopic("x", 1_000_000, 1), kerr.InvalidPartitions, "1000000"},
		{"replication factor", newTopic("x", 1, 3), kerr.InvalidReplicationFactor, "3"},
		{"no replicas", newTopic("x", 1, 0), kerr.InvalidReplicationFactor, "0"},
		{"bad config", newTopic("x", 1, 1, "retention.ms", "soon"), kerr.InvalidConfig, `"soon"`},
		{"unknown config", newTopic("x", 1, 1, "retention", "1"), kerr.InvalidConfig, `"retention"`},
		{"null config", null, kerr.InvalidConfig, "retention.ms"},
		{"assignment and count", assigned(newTopic("x", 1, -1), []int32{1}), kerr.InvalidRequest, "-1"},
		{"assignment elsewhere", assigned(newTopic("x", -1, -1), []int32{2}), kerr.InvalidReplicaAssignment, "[2]"},
		{"assignment twice", assigned(newTopic("x", -1, -1), []int32{1, 1}), kerr.InvalidReplicaAssignment, "[1 1]"},
		{"assignment with gaps", renumbered, kerr.InvalidReplicaAssignment, "partition 7"},
	} {
		for _, validateOnly := range []bool{true, false} {
			req := createRequest(c.topic)
			req.ValidateOnly = validateOnly
			rt := ask[*kmsg.CreateTopicsResponse](s.dial(), req).Topics[0]
			check(t, c.what, rt.ErrorCode, rt.ErrorMessage, c.want, c.text)
		}
	}
	twice := ask[*kmsg.CreateTopicsResponse](s.dial(), createRequest(newTopic("x", 1, 1), newTopic("y", 1, 1), newTopic("x", 2, 1)))
	if len(twice.Topics) != 2 {
		t.Fatalf("got %+v", twice.Topics)
	}
	for _, rt := range twice.Topics {
		want := map[string]*kerr.Error{"x": kerr.InvalidRequest}[rt.Topic]
		check(t, "named twice: "+rt.Topic, rt.ErrorCode, rt.ErrorMessage, want, "more than once")
	}
	if s.store.Snapshot().Topic("x") != nil {
		t.Error("x was created")
	}
}

func TestCreateTopicsTellsWhatItMade(t *testing.T) {
	s := start(t, func(c *Config) {
		c.DefaultPartitions = 3
		c.TopicDefaults = map[string]string{"segment.ms": "1234"}
	})
	req := createRequest(newTopic("a", -1, -1, "cleanup.policy", "compact"), assigned(newTopic("b", -1, -1), []int32{1}, []int32{1}))
	got := ask[*kmsg.CreateTopicsResponse](s.dial(), req).Topics
	for i, partitions := range []int32{3, 2} {
		if got[i].NumPartitions != partitions || got[i].ReplicationFactor != 1 || got[i].TopicID == [16]byte{} || got[i].ErrorCode != 0 {
			t.Errorf("got %+v", got[i])
		}
	}
	configs := make(map[string]string)
	for _, c := range got[0].Configs {
		configs[c.Name] = fmt.Sprint(*c.Value, " ", kmsg.ConfigSource(c.Source))
	}
	for name, want := range map[string]string{
		"cleanup.policy": "compact DYNAMIC_TOPIC_CONFIG", "segment.ms": "1234 STATIC_BROKER_CONFIG", "retention.ms": "604800000 DEFAULT_CONFIG",
	} {
		if configs[name] != want {
			t.Errorf("%s is %q, want %q", name, configs[name], want)
		}
	}
	if p := s.log.Partition("a", 0); !p.Settings().Compact || p.Settings().SegmentAge.Milliseconds() != 1234 {
		t.Errorf("settings are %+v", p.Settings())
	}
}

func TestDeleteTopicsAnswersAsKafka(t *testing.T) {
	s := start(t)
	s.Create(t, metadata.OffsetsTopic)
	a, b, twice, mixed := s.topic("a", 2), s.topic("b", 1), s.topic("twice", 1), s.topic("mixed", 1)
	s.topic("c", 1)
	name, both, gone, internal := "a", "c", "gone", metadata.OffsetsTopic
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.Version = 6
	req.Topics = []kmsg.DeleteTopicsRequestTopic{
		{Topic: &name}, {TopicID: b.ID}, {TopicID: twice.ID}, {Topic: &mixed.Name},
		{Topic: &both, TopicID: a.ID}, {}, {Topic: &gone}, {TopicID: [16]byte{7}}, {Topic: &internal},
		// once more
		{TopicID: twice.ID}, {TopicID: mixed.ID}, {Topic: &gone}, {Topic: &gone},
	}
	resp := ask[*kmsg.DeleteTopicsResponse](s.dial(), req)
	for i, want := range []struct {
		err  *kerr.Error
		text string
	}{
		{nil, ""}, {nil, ""}, {kerr.InvalidRequest, "more than once"}, {kerr.InvalidRequest, "more than once"},
		{kerr.InvalidRequest, "either"}, {kerr.InvalidRequest, "either"},
		{kerr.InvalidRequest, "more than once"}, {kerr.UnknownTopicID, "no topic with id"}, {kerr.InvalidTopicException, "internal"},
	} {
		rt := resp.Topics[i]
		check(t, fmt.Sprint("topic ", i), rt.ErrorCode, rt.ErrorMessage, want.err, want.text)
	}
	if len(resp.Topics) != 9 || *resp.Topics[1].Topic != "b" || resp.Topics[0].TopicID != a.ID {
		t.Errorf("names and ids are not filled in: %+v", resp.Topics)
	}
	if got := s.store.Snapshot().Len(); got != 4 || s.log.Partition("a", 1) != nil || s.log.Partition("twice", 0) == nil {
		t.Errorf("%d topics are left", got)
	}
	byName := kmsg.NewPtrDeleteTopicsRequest()
	byName.Version, byName.TopicNames = 5, []string{"gone", "mixed"}
	if got := ask[*kmsg.DeleteTopicsResponse](s.dial(), byName).Topics; got[0].ErrorCode != kerr.UnknownTopicOrPartition.Code || got[1].ErrorCode != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestCreatePartitionsAnswersAsKafka(t *testing.T) {
	s := start(t)
	s.Create(t, metadata.OffsetsTopic)
	s.topic("a", 2)
	elsewhere := []kmsg.CreatePartitionsRequestTopicAssignment{{Replicas: []int32{9}}}
	here := []kmsg.CreatePartitionsRequestTopicAssignment{{Replicas: []int32{1}}}
	for _, c := range []struct {
		topic      string
		count      int32
		assignment []kmsg.CreatePartitionsRequestTopicAssignment
		want       *kerr.Error
		text       string
	}{
		{"gone", 3, nil, kerr.UnknownTopicOrPartition, `"gone"`},
		{"a", 2, nil, kerr.InvalidPartitions, "2 partitions"},
		{"a", 1, nil, kerr.InvalidPartitions, "1"},
		{"a", 0, nil, kerr.InvalidPartitions, "0"},
		{"a", -1, here, kerr.InvalidPartitions, "-1"},
		{"a", 20_000, nil, kerr.InvalidPartitions, "20000"},
		{"a", 3, elsewhere, kerr.InvalidReplicaAssignment, "[9]"},
		{"a", 4, here, kerr.InvalidReplicaAssignment, "2 partitions are added"},
		{metadata.OffsetsTopic, 9, nil, kerr.InvalidTopicException, "offsets"},
		{"a", 3, here, nil, ""},
		{"a", 5, nil, nil, ""},
	} {
		req := kmsg.NewPtrCreatePartitionsRequest()
		req.Version = 3
		req.Topics = []kmsg.CreatePartitionsRequestTopic{{Topic: c.topic, Count: c.count, Assignment: c.assignment}}
		for _, req.ValidateOnly = range []bool{true, false} {
			rt := ask[*kmsg.CreatePartitionsResponse](s.dial(), req).Topics[0]
			check(t, fmt.Sprint(c.topic, " to ", c.count), rt.ErrorCode, rt.ErrorMessage, c.want, c.text)
		}
		req.Topics = append(req.Topics, req.Topics[0])
		twice := ask[*kmsg.CreatePartitionsResponse](s.dial(), req).Topics
		if len(twice) != 1 {
			t.Fatalf("got %+v", twice)
		}
		check(t, "twice", twice[0].ErrorCode, twice[0].ErrorMessage, kerr.InvalidRequest, "more than once")
	}
	if got := len(s.store.Snapshot().Topic("a").Partitions); got != 5 || s.log.Partition("a", 4) == nil {
		t.Errorf("a has %d partitions", got)
	}
}

func TestConfigsAreAlteredAndDescribed(t *testing.T) {
	s := start(t)
	s.create(1, nil, "t")
	adm := s.admin()
	alter := func(changes ...kadm.AlterConfig) {
		t.Helper()
		rs, err := adm.AlterTopicConfigs(t.Context(), changes, "t")
		if err != nil || rs[0].Err != nil {
			t.Fatalf("%v, %v", err, rs)
		}
	}
	str := func(s string) *string { return &s }
	alter(kadm.AlterConfig{Name: "retention.ms", Value: str("1000")}, kadm.AlterConfig{Op: kadm.AppendConfig, Name: "cleanup.policy", Value: str("compact")})
	if got := s.log.Partition("t", 0).Settings(); !got.Compact || !got.Delete || got.RetentionAge.Milliseconds() != 1000 {
		t.Errorf("settings are %+v", got)
	}
	alter(kadm.AlterConfig{Op: kadm.SubtractConfig, Name: "cleanup.policy", Value: str("delete")}, kadm.AlterConfig{Op: kadm.DeleteConfig, Name: "retention.ms"})
	configs, err := adm.DescribeTopicConfigs(t.Context(), "t")
	if err != nil || configs[0].Err != nil {
		t.Fatal(err, configs)
	}
	for _, c := range configs[0].Configs {
		switch c.Key {
		case "cleanup.policy":
			if *c.Value != "compact" || c.Source != kmsg.ConfigSourceDynamicTopicConfig {
				t.Errorf("got %+v", c)
			}
		case "retention.ms":
			if *c.Value != "604800000" || c.Source != kmsg.ConfigSourceDefaultConfig {
				t.Errorf("got %+v", c)
			}
		}
	}
	rs, err := adm.AlterTopicConfigsState(t.Context(), []kadm.AlterConfig{{Name: "segment.ms", Value: str("5")}}, "t")
	if err != nil || rs[0].Err != nil {
		t.Fatal(err, rs)
	}
	if got := s.store.Snapshot().Topic("t").Configs; len(got) != 1 || got["segment.ms"] != "5" {
		t.Errorf("AlterConfigs replaces all, but left %v", got)
	}
}

func TestAlterConfigsAnswersAsKafka(t *testing.T) {
	s := start(t)
	s.create(1, nil, "t")
	type op = kmsg.IncrementalAlterConfigsRequestResourceConfig
	str := func(s string) *string { return &s }
	const topic, broker = kmsg.ConfigResourceTypeTopic, kmsg.ConfigResourceTypeBroker
	for _, c := range []struct {
		what string
		kind kmsg.ConfigResourceType
		name string
		ops  []op
		want *kerr.Error
		text string
	}{
		{"unknown topic", topic, "gone", nil, kerr.UnknownTopicOrPartition, `"gone"`},
		{"bad value", topic, "t", []op{{Name: "retention.ms", Value: str("x")}}, kerr.InvalidConfig, `"x"`},
		{"unknown config", topic, "t", []op{{Name: "nope", Value: str("x")}}, kerr.InvalidConfig, `"nope"`},
		{"null value", topic, "t", []op{{Name: "retention.ms"}}, kerr.InvalidRequest, "no value"},
		{"append to a number", topic, "t", []op{{Name: "retention.ms", Op: 2, Value: str("1")}}, kerr.InvalidConfig, "not a list"},
		{"unknown operation", topic, "t", []op{{Name: "retention.ms", Op: 9, Value: str("1")}}, kerr.InvalidRequest, "operation"},
		{"altered twice", topic, "t", []op{{Name: "retention.ms", Value: str("1")}, {Name: "retention.ms", Op: 1}}, kerr.InvalidRequest, "more than once"},
		{"nothing left of a list", topic, "t", []op{{Name: "cleanup.policy", Op: 3, Value: str("delete")}}, nil, ""},
		{"name that cannot be", topic, "a b", nil, kerr.InvalidTopicException, `"a b"`},
		{"no name", topic, "", []op{{Name: "retention.ms", Value: str("1")}}, kerr.InvalidRequest, "name one"},
		{"broker", broker, "1", []op{{Name: "num.partitions", Value: str("1")}}, kerr.InvalidRequest, "node starts"},
		{"all brokers", broker, "", []op{{Name: "num.partitions", Value: str("1")}}, kerr.InvalidRequest, "node starts"},
		{"another broker", broker, "2", nil, kerr.InvalidRequest, `"2"`},
		{"no broker", broker, "x", nil, kerr.InvalidRequest, `"x"`},
		{"delete what no broker has", broker, "1", []op{{Name: "leader.replication.throttled.rate", Op: 1}}, nil, ""},
		{"loggers", kmsg.ConfigResourceTypeBrokerLogger, "1", nil, kerr.InvalidRequest, "resource type 8"},
		{"good", topic, "t", []op{{Name: "retention.ms", Value: str("1")}}, nil, ""},
		{"delete what is not set", topic, "t", []op{{Name: "segment.ms", Op: 1}}, nil, ""},
		{"opaque", topic, "t", []op{{Name: "evident.order", Value: str("chain")}}, nil, ""},
	} {
		req := kmsg.NewPtrIncrementalAlterConfigsRequest()
		req.Version = 1
		req.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: c.kind, ResourceName: c.name, Configs: c.ops}}
		rr := ask[*kmsg.IncrementalAlterConfigsResponse](s.dial(), req).Resources[0]
		check(t, c.what, rr.ErrorCode, rr.ErrorMessage, c.want, c.text)

		req.Resources = append(req.Resources, req.Resources[0])
		for _, rr := range ask[*kmsg.IncrementalAlterConfigsResponse](s.dial(), req).Resources {
			check(t, "twice: "+c.what, rr.ErrorCode, rr.ErrorMessage, kerr.InvalidRequest, "more than once")
		}
	}
	if got := s.store.Snapshot().Topic("t").Configs; len(got) != 3 || got["retention.ms"] != "1" || got["cleanup.policy"] != "" || got["evident.order"] != "chain" {
		t.Errorf("configs are %v", got)
	}
}

func TestReplacingConfigsTakesEachOnce(t *testing.T) {
	s := start(t)
	s.create(1, nil, "t")
	first, second := "1", "2"
	type config = kmsg.AlterConfigsRequestResourceConfig
	req := kmsg.NewPtrAlterConfigsRequest()
	req.Version = 2
	req.Resources = []kmsg.AlterConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "t",
		Configs: []config{{Name: "retention.ms", Value: &first}, {Name: "retention.ms", Value: &second}}}}
	rr := ask[*kmsg.AlterConfigsResponse](s.dial(), req).Resources[0]
	check(t, "twice", rr.ErrorCode, rr.ErrorMessage, kerr.InvalidRequest, "more than once")
	if got := s.store.Snapshot().Topic("t").Configs; len(got) != 0 {
		t.Errorf("configs are %v", got)
	}
}

func TestDescribeConfigsOfBrokers(t *testing.T) {
	s := start(t, func(c *Config) { c.TopicDefaults = map[string]string{"retention.ms": "77"}; c.DefaultPartitions = 6 })
	configs, err := s.admin().DescribeBrokerConfigs(t.Context(), 1)
	if err != nil || configs[0].Err != nil {
		t.Fatal(err, configs)
	}
	got := make(map[string]kadm.Config)
	for _, c := range configs[0].Configs {
		got[c.Key] = c
	}
	for name, want := range map[string]string{
		"log.retention.ms": "77", "num.partitions": "6", "auto.create.topics.enable": "true", "message.max.bytes": "1048588", "node.id": "1",
	} {
		if c := got[name]; c.Value == nil || *c.Value != want {
			t.Errorf("%s is %+v, want %s", name, c, want)
		}
	}
	if got["log.retention.ms"].Source != kmsg.ConfigSourceStaticBrokerConfig || got["message.max.bytes"].Source != kmsg.ConfigSourceDefaultConfig {
		t.Errorf("sources are wrong: %+v", got)
	}
	for _, c := range []struct {
		kind kmsg.ConfigResourceType
		name string
		want *kerr.Error
	}{
		{kmsg.ConfigResourceTypeBroker, "2", kerr.InvalidRequest},
		{kmsg.ConfigResourceTypeClientMetrics, "x", kerr.InvalidRequest},
		{kmsg.ConfigResourceTypeTopic, "gone", kerr.UnknownTopicOrPartition},
		{kmsg.ConfigResourceTypeTopic, "", kerr.InvalidTopicException},
		{kmsg.ConfigResourceTypeTopic, "a b", kerr.InvalidTopicException},
	} {
		req := kmsg.NewPtrDescribeConfigsRequest()
		req.Version = 4
		req.Resources = []kmsg.DescribeConfigsRequestResource{{ResourceType: c.kind, ResourceName: c.name}}
		rr := ask[*kmsg.DescribeConfigsResponse](s.dial(), req).Resources[0]
		check(t, c.name, rr.ErrorCode, rr.ErrorMessage, c.want, "")
	}
}

func TestMetadataAnswersAsKafka(t *testing.T) {
	s := start(t)
	s.Create(t, metadata.OffsetsTopic)
	a := s.topic("a", 2)
	name, bad, gone := "a", "a/b", "gone"
	req := kmsg.NewPtrMetadataRequest()
	req.Version = 12
	req.Topics = []kmsg.MetadataRequestTopic{{Topic: &name}, {TopicID: a.ID}, {Topic: &bad}, {Topic: &gone}, {TopicID: [16]byte{1}}}
	resp := ask[*kmsg.MetadataResponse](s.dial(), req)
	if len(resp.Topics) != 4 || *resp.ClusterID != s.ClusterID() || resp.ControllerID != 1 || resp.Brokers[0].Port != s.info.AdvertisedPort {
		t.Fatalf("got %+v", resp)
	}
	for i, want := range []error{nil, kerr.InvalidTopicException, kerr.UnknownTopicOrPartition, kerr.UnknownTopicID} {
		if got := kerr.ErrorForCode(resp.Topics[i].ErrorCode); !errors.Is(got, want) {
			t.Errorf("topic %d: got %v, want %v", i, got, want)
		}
	}
	if got := resp.Topics[0]; len(got.Partitions) != 2 || got.TopicID != a.ID || got.Partitions[1].Leader != 1 || !slices.Equal(got.Partitions[1].ISR, []int32{1}) {
		t.Errorf("got %+v", got)
	}
	for version, topics := range map[int16][]kmsg.MetadataRequestTopic{0: {}, 1: nil, 12: nil} {
		req := kmsg.NewPtrMetadataRequest()
		req.Version, req.Topics = version, topics
		resp := ask[*kmsg.MetadataResponse](s.dial(), req)
		if len(resp.Topics) != 2 {
			t.Errorf("version %d: all topics are %+v", version, resp.Topics)
		}
		for _, rt := range resp.Topics {
			if version > 0 && rt.IsInternal != (*rt.Topic == metadata.OffsetsTopic) {
				t.Errorf("%s is internal: %v", *rt.Topic, rt.IsInternal)
			}
		}
	}
	none := kmsg.NewPtrMetadataRequest()
	none.Version, none.Topics = 1, []kmsg.MetadataRequestTopic{}
	if resp := ask[*kmsg.MetadataResponse](s.dial(), none); len(resp.Topics) != 0 {
		t.Errorf("no topics are %+v", resp.Topics)
	}
}

func TestListOffsetsAnswersAsKafka(t *testing.T) {
	s := start(t)
	topic := s.topic("t", 2)
	s.append(topic, 0, "a", "b")
	s.appendAt(topic, time.Now().Add(time.Minute), "c")
	for _, c := range []struct {
		at      int64
		version int16
		want    int64
		err     error
	}{
		{-1, 1, 3, nil}, {-2, 1, 0, nil}, {-3, 7, 2, nil}, {-4, 8, 0, nil}, {-5, 9, -1, nil}, {-6, 11, -1, nil},
		{0, 1, 0, nil}, {1 << 60, 1, -1, nil},
		{-3, 6, -1, kerr.UnsupportedVersion}, {-5, 8, -1, kerr.UnsupportedVersion}, {-7, 11, -1, kerr.UnsupportedVersion},
	} {
		req := kmsg.NewPtrListOffsetsRequest()
		req.Version, req.ReplicaID = c.version, -1
		req.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: "t", Partitions: []kmsg.ListOffsetsRequestTopicPartition{{Timestamp: c.at, CurrentLeaderEpoch: -1}}}}
		rp := ask[*kmsg.ListOffsetsResponse](s.dial(), req).Topics[0].Partitions[0]
		if got := kerr.ErrorForCode(rp.ErrorCode); !errors.Is(got, c.err) || rp.Offset != c.want {
			t.Errorf("timestamp %d, version %d: got offset %d, %v; want %d, %v", c.at, c.version, rp.Offset, got, c.want, c.err)
		}
	}
	req := kmsg.NewPtrListOffsetsRequest()
	req.Version = 6
	ps := []kmsg.ListOffsetsRequestTopicPartition{{Partition: 0, CurrentLeaderEpoch: 9}, {Partition: 1}, {Partition: 1}, {Partition: 8, CurrentLeaderEpoch: -1}}
	req.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: "t", Partitions: ps}, {Topic: "gone", Partitions: ps[:1]}}
	resp := ask[*kmsg.ListOffsetsResponse](s.dial(), req)
	for i, want := range []error{kerr.UnknownLeaderEpoch, kerr.InvalidRequest, kerr.UnknownTopicOrPartition, nil} {
		if want == nil && len(resp.Topics[0].Partitions) == i {
			break // a partition that is asked for twice has one answer
		}
		if got := kerr.ErrorForCode(resp.Topics[0].Partitions[i].ErrorCode); !errors.Is(got, want) {
			t.Errorf("partition %d: got %v, want %v", i, got, want)
		}
	}
	if got := kerr.ErrorForCode(resp.Topics[1].Partitions[0].ErrorCode); !errors.Is(got, kerr.UnknownTopicOrPartition) {
		t.Errorf("unknown topic: %v", got)
	}
}

func TestOneBrokerCoordinatesAll(t *testing.T) {
	s := start(t)
	for kind, want := range map[int8]*kerr.Error{0: nil, 1: nil, 2: kerr.InvalidRequest} {
		for version := int16(3); version <= 4; version++ {
			req := kmsg.NewPtrFindCoordinatorRequest()
			req.Version, req.CoordinatorType, req.CoordinatorKey, req.CoordinatorKeys = version, kind, "g", []string{"g", "h"}
			resp := ask[*kmsg.FindCoordinatorResponse](s.dial(), req)
			if version < findCoordinatorMany {
				resp.Coordinators = []kmsg.FindCoordinatorResponseCoordinator{{NodeID: resp.NodeID, Port: resp.Port, ErrorCode: resp.ErrorCode, ErrorMessage: resp.ErrorMessage}}
			}
			for _, sc := range resp.Coordinators {
				check(t, fmt.Sprint("coordinator ", kind), sc.ErrorCode, sc.ErrorMessage, want, "")
				if want == nil && (sc.NodeID != 1 || sc.Port != s.info.AdvertisedPort) {
					t.Errorf("got %+v", sc)
				}
			}
		}
	}
}

func TestDescribeClusterTellsOfBrokersOnly(t *testing.T) {
	s := start(t)
	req := kmsg.NewPtrDescribeClusterRequest()
	req.Version, req.EndpointType = 2, 1
	if got := ask[*kmsg.DescribeClusterResponse](s.dial(), req); got.ClusterID != s.ClusterID() || got.Brokers[0].NodeID != 1 {
		t.Errorf("got %+v", got)
	}
	req.EndpointType = 2
	got := ask[*kmsg.DescribeClusterResponse](s.dial(), req)
	check(t, "controllers", got.ErrorCode, got.ErrorMessage, kerr.MismatchedEndpointType, "controllers")
	req.EndpointType = 3
	got = ask[*kmsg.DescribeClusterResponse](s.dial(), req)
	check(t, "nobody", got.ErrorCode, got.ErrorMessage, kerr.UnsupportedEndpointType, "type 3")
}

// The only epoch there ever is ends where the partition does.
func TestLeaderEpochsEndAsInKafka(t *testing.T) {
	s := start(t)
	topic := s.topic("t", 2)
	s.append(topic, 0, "a", "b")
	for _, c := range []struct {
		topic              string
		partition          int32
		believed, asked    int32
		wantEpoch, wantEnd int64
		want               error
	}{
		{"t", 0, -1, 0, 0, 2, nil}, {"t", 0, 0, 0, 0, 2, nil}, {"t", 1, -1, 0, 0, 0, nil},
		{"t", 0, -1, 5, -1, -1, nil}, {"t", 0, -1, -1, -1, -1, nil},
		{"t", 0, 1, 0, -1, -1, kerr.UnknownLeaderEpoch},
		{"t", 2, -1, 0, -1, -1, kerr.UnknownTopicOrPartition}, {"gone", 0, -1, 0, -1, -1, kerr.UnknownTopicOrPartition},
	} {
		for version := int16(2); version <= 4; version++ {
			req := kmsg.NewPtrOffsetForLeaderEpochRequest()
			req.Version = version
			rp := kmsg.OffsetForLeaderEpochRequestTopicPartition{Partition: c.partition, CurrentLeaderEpoch: c.believed, LeaderEpoch: c.asked}
			req.Topics = []kmsg.OffsetForLeaderEpochRequestTopic{{Topic: c.topic, Partitions: []kmsg.OffsetForLeaderEpochRequestTopicPartition{rp}}}
			got := ask[*kmsg.OffsetForLeaderEpochResponse](s.dial(), req).Topics[0].Partitions[0]
			if err := kerr.ErrorForCode(got.ErrorCode); !errors.Is(err, c.want) || int64(got.LeaderEpoch) != c.wantEpoch || got.EndOffset != c.wantEnd || got.Partition != c.partition {
				t.Errorf("%+v, version %d: %v, %+v", c, version, err, got)
			}
		}
	}
}
