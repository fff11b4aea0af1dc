package kafkago_test

import (
	"errors"
	"testing"

	"github.com/segmentio/kafka-go"

	"github.com/evidentlog/evident/interop/clients"
)

func TestTopicsAreCreatedDescribedGrownAndDeleted(t *testing.T) {
	c, topic := newClient(t), newTopic(t, 2)
	grown, err := c.CreatePartitions(t.Context(), &kafka.CreatePartitionsRequest{
		Topics: []kafka.TopicPartitionsConfig{{Name: topic, Count: 5}},
	})
	if err != nil || grown.Errors[topic] != nil {
		t.Fatal(err, grown)
	}
	clients.Eventually(t, "kafka-go's own metadata has 5 partitions", func() bool {
		described, err := c.Metadata(t.Context(), &kafka.MetadataRequest{Topics: []string{topic}})
		return err == nil && len(described.Topics) == 1 && len(described.Topics[0].Partitions) == 5
	})
	deleted, err := c.DeleteTopics(t.Context(), &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	if err != nil || deleted.Errors[topic] != nil {
		t.Fatal(err, deleted)
	}
	deleted, err = c.DeleteTopics(t.Context(), &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	if err != nil || !errors.Is(deleted.Errors[topic], kafka.UnknownTopicOrPartition) {
		t.Errorf("deleted again: %v, %v", deleted, err)
	}
}

func TestSettingsOfATopicAreAlteredAndDescribed(t *testing.T) {
	c, topic := newClient(t), newTopic(t, 1)
	altered, err := c.IncrementalAlterConfigs(t.Context(), &kafka.IncrementalAlterConfigsRequest{
		Resources: []kafka.IncrementalAlterConfigsRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
			Configs: []kafka.IncrementalAlterConfigsRequestConfig{
				{Name: "retention.ms", Value: "1234567", ConfigOperation: kafka.ConfigOperationSet},
			},
		}},
	})
	if err != nil || altered.Resources[0].Error != nil {
		t.Fatal(err, altered)
	}
	got, err := c.DescribeConfigs(t.Context(), &kafka.DescribeConfigsRequest{
		Resources: []kafka.DescribeConfigRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, ConfigNames: []string{"retention.ms"},
		}},
	})
	if err != nil || len(got.Resources) != 1 || len(got.Resources[0].ConfigEntries) != 1 ||
		got.Resources[0].ConfigEntries[0].ConfigValue != "1234567" {
		t.Errorf("described %+v, %v", got, err)
	}
}

func TestGroupsAreListedDescribedAndDeleted(t *testing.T) {
	c, topic, group := newClient(t), newTopic(t, 1), clients.Unique("group")
	write(t, newWriter(t, topic), clients.Values("v", 10))
	r := newReader(t, kafka.ReaderConfig{GroupID: group, Topic: topic, StartOffset: kafka.FirstOffset})
	if err := r.CommitMessages(t.Context(), read(t, r, 10)...); err != nil {
		t.Fatal(err)
	}
	described, err := c.DescribeGroups(t.Context(), &kafka.DescribeGroupsRequest{GroupIDs: []string{group}})
	if err != nil || described.Groups[0].GroupState != "Stable" || len(described.Groups[0].Members) != 1 {
		t.Errorf("described %+v, %v", described, err)
	}
	offsets, err := c.OffsetFetch(t.Context(), &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: {0}}})
	if err != nil || offsets.Topics[topic][0].CommittedOffset != 10 {
		t.Errorf("offsets %+v, %v", offsets, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	deleted, err := c.DeleteGroups(t.Context(), &kafka.DeleteGroupsRequest{GroupIDs: []string{group}})
	if err != nil || deleted.Errors[group] != nil {
		t.Errorf("deleted %+v, %v", deleted, err)
	}
}

func TestErrorsOfTopics(t *testing.T) {
	c, topic := newClient(t), newTopic(t, 1)
	for name, want := range map[string]error{topic: kafka.TopicAlreadyExists, "not a name": kafka.InvalidTopic} {
		answer, err := c.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
			{Topic: name, NumPartitions: 1, ReplicationFactor: 1},
		}})
		if err != nil || !errors.Is(answer.Errors[name], want) {
			t.Errorf("creating %q: %v, %v, want %v", name, answer, err, want)
		}
	}
}
