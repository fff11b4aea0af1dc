package sarama_test

import (
	"errors"
	"testing"

	"github.com/IBM/sarama"

	"github.com/evidentlog/evident/interop/clients"
)

func TestTopicsAreCreatedDescribedGrownAndDeleted(t *testing.T) {
	a, topic := newAdmin(t), newTopic(t, 2, nil)
	if err := a.CreatePartitions(topic, 5, nil, false); err != nil {
		t.Fatal(err)
	}
	described, err := a.DescribeTopics([]string{topic})
	if err != nil || len(described) != 1 || len(described[0].Partitions) != 5 {
		t.Fatalf("described %+v, %v", described, err)
	}
	if err := a.DeleteTopic(topic); err != nil {
		t.Fatal(err)
	}
	if listed, err := a.ListTopics(); err != nil || listed[topic].NumPartitions != 0 {
		t.Errorf("still there, or %v", err)
	}
}

func TestSettingsOfATopicAreAlteredAndDescribed(t *testing.T) {
	a, topic, value := newAdmin(t), newTopic(t, 1, nil), "1234567"
	err := a.IncrementalAlterConfig(sarama.TopicResource, topic, map[string]sarama.IncrementalAlterConfigsEntry{
		"retention.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value},
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := a.DescribeConfig(sarama.ConfigResource{
		Type: sarama.TopicResource, Name: topic, ConfigNames: []string{"retention.ms"},
	})
	if err != nil || len(entries) != 1 || entries[0].Value != value || entries[0].Default {
		t.Errorf("entries %+v, %v", entries, err)
	}
}

func TestGroupsAreListedDescribedAndDeleted(t *testing.T) {
	a, topic, group := newAdmin(t), newTopic(t, 1, nil), clients.Unique("group")
	produce(t, topic, clients.Values("v", 10), nil)
	m := join(t, group, topic, sarama.NewBalanceStrategyRange())
	clients.Eventually(t, "10 messages", func() bool { return m.count() == 10 })
	m.stop(t)
	if listed, err := a.ListConsumerGroups(); err != nil || listed[group] != "consumer" {
		t.Errorf("listed %v, %v", listed, err)
	}
	if described, err := a.DescribeConsumerGroups([]string{group}); err != nil || described[0].State != "Empty" {
		t.Errorf("described %+v, %v", described, err)
	}
	offsets, err := a.ListConsumerGroupOffsets(group, map[string][]int32{topic: {0}})
	if err != nil || offsets.GetBlock(topic, 0).Offset != 10 {
		t.Errorf("offsets %+v, %v", offsets, err)
	}
	if err := a.DeleteConsumerGroup(group); err != nil {
		t.Error(err)
	}
}

func TestErrorsOfTopics(t *testing.T) {
	a, topic := newAdmin(t), newTopic(t, 1, nil)
	detail := &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}
	for _, c := range []struct {
		did  error
		want error
	}{
		{a.CreateTopic(topic, detail, false), sarama.ErrTopicAlreadyExists},
		{a.CreateTopic("not a name", detail, false), sarama.ErrInvalidTopic},
		{a.DeleteTopic("absent"), sarama.ErrUnknownTopicOrPartition},
		{a.CreatePartitions(topic, 1, nil, false), sarama.ErrInvalidPartitions},
	} {
		if !errors.Is(c.did, c.want) {
			t.Errorf("error %v, want %v", c.did, c.want)
		}
	}
}
