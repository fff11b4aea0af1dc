package broker

import (
	"fmt"
	"iter"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxRepeats is how often a request may ask for one thing. Each time is answered,
// as in Kafka; but a few bytes that ask for a group, or for the configs of a topic,
// make kilobytes of answer, and the largest request has room for millions of them.
const maxRepeats = 100

// checkRepeats refuses a request that asks for the same thing again and again.
func checkRepeats(c *call, req kmsg.Request) error {
	switch req := req.(type) {
	case *kmsg.OffsetFetchRequest:
		return repeated(c, func(yield func(string) bool) {
			for i := 0; i < len(req.Groups) && yield(req.Groups[i].Group); i++ {
			}
		})
	case *kmsg.DescribeGroupsRequest:
		return repeated(c, slices.Values(req.Groups))
	case *kmsg.DescribeConfigsRequest:
		return repeated(c, func(yield func(resource) bool) {
			for i := 0; i < len(req.Resources) && yield(resource{req.Resources[i].ResourceType, req.Resources[i].ResourceName}); i++ {
			}
		})
	case *kmsg.DescribeProducersRequest:
		return repeated(c, producersAsked(req))
	case *kmsg.DescribeTransactionsRequest:
		return repeated(c, slices.Values(req.TransactionalIDs))
	case *kmsg.ConsumerGroupDescribeRequest:
		return repeated(c, slices.Values(req.Groups))
	case *kmsg.ShareGroupDescribeRequest:
		return repeated(c, slices.Values(req.GroupIDs))
	}
	return nil
}

func producersAsked(req *kmsg.DescribeProducersRequest) iter.Seq[topicPartition] {
	return func(yield func(topicPartition) bool) {
		for i := range req.Topics {
			for _, n := range req.Topics[i].Partitions {
				if !yield(topicPartition{req.Topics[i].Topic, n}) {
					return
				}
			}
		}
	}
}

// repeated is the error about something that is asked for too often.
func repeated[K comparable](c *call, asked iter.Seq[K]) error {
	times := make(map[K]int)
	for k := range asked {
		if times[k]++; times[k] > maxRepeats {
			return fmt.Errorf("%w: %s asks for %v more than %d times", errTooLarge, c.api.name(), k, maxRepeats)
		}
	}
	return nil
}
