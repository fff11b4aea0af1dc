package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// sourcePrefix begins the source of every event of every run.
const sourcePrefix = "/demo/"

// lookPatience is how long it may take to read one record of each partition.
const lookPatience = 10 * time.Second

// TakenError says that a cluster has a topic by one of the demo's names that is
// not the demo's.
type TakenError struct {
	// Topic is its name.
	Topic string
	// Reason tells it from the demo's.
	Reason string
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("topic %q is on the cluster already and not the demo's, for %s: run the demo on a cluster on which these names are free: %s",
		e.Topic, e.Reason, strings.Join(topics(), ", "))
}

// checkShared returns a *TakenError if one of the topics on a cluster that
// others use as well is theirs: it has another number of partitions, or its
// first records are no events of the demo.
func checkShared(ctx context.Context, cluster Cluster) error {
	client, err := kgo.NewClient(clientOptions(cluster, "look")...)
	if err != nil {
		return fmt.Errorf("kafka client: %w", err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	found, err := admin.ListTopics(ctx, topics()...)
	if err != nil {
		return fmt.Errorf("list topics: %w", err)
	}
	var there []string
	for _, topic := range found.Sorted() {
		switch {
		case errors.Is(topic.Err, kerr.UnknownTopicOrPartition):
		case topic.Err != nil:
			return fmt.Errorf("list topic %s: %w", topic.Topic, topic.Err)
		case len(topic.Partitions) != partitions:
			return &TakenError{topic.Topic, fmt.Sprintf("it has %d partitions and not %d", len(topic.Partitions), partitions)}
		default:
			there = append(there, topic.Topic)
		}
	}
	if len(there) == 0 {
		return nil
	}
	return checkFirst(ctx, cluster, admin, there)
}

// checkFirst looks at the first record of each partition of topics.
func checkFirst(ctx context.Context, cluster Cluster, admin *kadm.Client, topics []string) error {
	starts, err := admin.ListStartOffsets(ctx, topics...)
	if err := errors.Join(err, starts.Error()); err != nil {
		return fmt.Errorf("list offsets: %w", err)
	}
	ends, err := admin.ListEndOffsets(ctx, topics...)
	if err := errors.Join(err, ends.Error()); err != nil {
		return fmt.Errorf("list offsets: %w", err)
	}
	waiting := make(map[string]map[int32]kgo.Offset) // partitions with records
	starts.Each(func(o kadm.ListedOffset) {
		if end, ok := ends.Lookup(o.Topic, o.Partition); ok && end.Offset > o.Offset {
			if waiting[o.Topic] == nil {
				waiting[o.Topic] = make(map[int32]kgo.Offset)
			}
			waiting[o.Topic][o.Partition] = kgo.NewOffset().AtStart()
		}
	})
	return readFirst(ctx, cluster, waiting)
}

// readFirst reads the first record of each of the partitions. What does not
// come in time was deleted meanwhile, or has only markers of transactions.
func readFirst(ctx context.Context, cluster Cluster, waiting map[string]map[int32]kgo.Offset) error {
	if len(waiting) == 0 {
		return nil
	}
	client, err := kgo.NewClient(append(clientOptions(cluster, "look"), kgo.ConsumePartitions(waiting))...)
	if err != nil {
		return fmt.Errorf("kafka client: %w", err)
	}
	defer client.Close()
	timely, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	for left := countPartitions(waiting); left > 0 && timely.Err() == nil; {
		fetches := client.PollFetches(timely)
		var foreign error
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			if len(p.Records) == 0 {
				return
			}
			left--
			client.PauseFetchPartitions(map[string][]int32{p.Topic: {p.Partition}})
			if _, err := readEvent(p.Records[0]); err != nil {
				foreign = &TakenError{p.Topic, fmt.Sprintf("the record at partition %d, offset %d is not one of its events", p.Partition, p.Records[0].Offset)}
			}
		})
		if foreign != nil {
			return foreign
		}
	}
	return ctx.Err()
}

func countPartitions(of map[string]map[int32]kgo.Offset) int {
	n := 0
	for _, partitions := range of {
		n += len(partitions)
	}
	return n
}
