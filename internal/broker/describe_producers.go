package broker

import (
	"cmp"
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/log"
)

// describeProducers lists who has produced to partitions, with idempotence or in
// transactions, and which transactions are open (KIP-664).
func (b *Broker) describeProducers(_ context.Context, _ *call, req *kmsg.DescribeProducersRequest) kmsg.Response {
	resp := reply[*kmsg.DescribeProducersResponse](req)
	topics := b.store.Snapshot()
	for _, rt := range req.Topics {
		st := kmsg.NewDescribeProducersResponseTopic()
		st.Topic = rt.Topic
		invalid := metadata.CheckName(rt.Topic)
		for _, n := range rt.Partitions {
			st.Partitions = append(st.Partitions, producersOf(topics.Topic(rt.Topic), n, invalid))
		}
		resp.Topics = append(resp.Topics, st)
	}
	return resp
}

// producersOf describes one partition, of a topic whose name may be invalid.
func producersOf(t *metadata.Topic, number int32, invalid error) kmsg.DescribeProducersResponseTopicPartition {
	sp := kmsg.NewDescribeProducersResponseTopicPartition()
	sp.Partition = number
	p, err := findPartition(t, number, -1)
	if invalid != nil {
		err = invalid
	}
	if sp.ErrorCode, sp.ErrorMessage = messageOf(err); err != nil {
		return sp
	}
	producers := p.Producers()
	slices.SortFunc(producers, func(a, b log.ProducerState) int { return cmp.Compare(a.ID, b.ID) })
	for _, s := range producers {
		a := kmsg.NewDescribeProducersResponseTopicPartitionActiveProducer()
		a.ProducerID, a.ProducerEpoch = s.ID, int32(s.Epoch)
		a.LastSequence, a.LastTimestamp = s.LastSequence, s.LastTimestamp
		a.CoordinatorEpoch, a.CurrentTxnStartOffset = s.CoordinatorEpoch, s.TxnStart
		sp.ActiveProducers = append(sp.ActiveProducers, a)
	}
	return sp
}
