// Package fetch reads partitions of a Kafka cluster as the log has them: batches and
// not records. A [Partition] is read once, from one offset on; a [Reader] goes on with
// any number of them. Both leave it to who calls them what an error means and when to
// ask again.
package fetch

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A Partition is where to read.
type Partition struct {
	Client *kgo.Client
	Leader int32 // the broker that leads it
	Topic  string
	ID     [16]byte // of the topic
	Number int32
}

// Read returns what the leader has from an offset on: about so many bytes, but at
// least one batch; no batches at the log's end. Isolation is that of Kafka's Fetch:
// 0 for all records, 1 for committed ones. The error is Kafka's (package kerr) if
// the broker refuses, kerr.OffsetOutOfRange among them.
func (p Partition) Read(ctx context.Context, offset int64, most int32, isolation int8) (*kmsg.FetchResponseTopicPartition, error) {
	req := kmsg.NewPtrFetchRequest()
	req.MaxBytes, req.SessionEpoch, req.IsolationLevel = most, -1, isolation
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = p.Topic, p.ID
	q := kmsg.NewFetchRequestTopicPartition()
	q.Partition, q.FetchOffset, q.PartitionMaxBytes = p.Number, offset, most
	t.Partitions = append(t.Partitions, q)
	req.Topics = append(req.Topics, t)
	answer, err := p.Client.Broker(int(p.Leader)).RetriableRequest(ctx, req)
	if err != nil {
		return nil, err
	}
	resp := answer.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return nil, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return nil, errors.New("the broker's answer is not about the one partition that was asked for")
	}
	found := &resp.Topics[0].Partitions[0]
	return found, kerr.ErrorForCode(found.ErrorCode)
}
