package txn_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/process/txn"
)

// inTheWay answers a request with an error, as Apache Kafka does while the transaction before
// is being ended, or partitions and offsets join one at the same time.
func inTheWay(req kmsg.Request) kmsg.Response {
	code := kerr.ConcurrentTransactions.Code
	switch r := req.ResponseKind().(type) {
	case *kmsg.InitProducerIDResponse:
		r.ErrorCode = code
		return r
	case *kmsg.ProduceResponse:
		for _, asked := range req.(*kmsg.ProduceRequest).Topics {
			t := kmsg.NewProduceResponseTopic()
			t.Topic, t.TopicID = asked.Topic, asked.TopicID
			for _, part := range asked.Partitions {
				a := kmsg.NewProduceResponseTopicPartition()
				a.Partition, a.ErrorCode = part.Partition, kerr.NotEnoughReplicas.Code
				t.Partitions = append(t.Partitions, a)
			}
			r.Topics = append(r.Topics, t)
		}
		return r
	case *kmsg.TxnOffsetCommitResponse:
		for _, asked := range req.(*kmsg.TxnOffsetCommitRequest).Topics {
			t := kmsg.NewTxnOffsetCommitResponseTopic()
			t.Topic, t.TopicID = asked.Topic, asked.TopicID
			for _, part := range asked.Partitions {
				a := kmsg.NewTxnOffsetCommitResponseTopicPartition()
				a.Partition, a.ErrorCode = part.Partition, code
				t.Partitions = append(t.Partitions, a)
			}
			r.Topics = append(r.Topics, t)
		}
		return r
	}
	return nil
}

// What passes by itself does not end a transaction: the request is sent again, and no
// other transaction is begun.
func TestWhatIsInTheWayForAMomentIsWaitedFor(t *testing.T) {
	for _, key := range []kmsg.Key{kmsg.InitProducerID, kmsg.Produce, kmsg.TxnOffsetCommit} {
		t.Run(key.Name(), func(t *testing.T) {
			cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "in", "out"))
			if err != nil {
				t.Fatal(err)
			}
			defer cluster.Close()
			begun, hit := make(chan bool, 100), make(chan bool, 3)
			cluster.ControlKey(int16(key), func(req kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				if len(hit) == 3 {
					return nil, nil, false
				}
				hit <- true
				return inTheWay(req), nil, true
			})
			cluster.ControlKey(int16(kmsg.InitProducerID), func(kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				begun <- true
				return nil, nil, false
			})
			p := producerOf(t, cluster)
			if err := p.commit(); err != nil {
				t.Fatal(err)
			}
			if len(hit) != 3 || len(begun) != 1 {
				t.Errorf("%d requests were refused, want 3, and %d transactions begun, want 1", len(hit), len(begun))
			}
		})
	}
}

// plain is a producer with something to commit.
type plain struct {
	*testing.T
	producer *txn.Producer
	buffer   *txn.Buffer
}

func producerOf(t *testing.T, cluster *kfake.Cluster) *plain {
	dial := func(opts ...kgo.Opt) (*kgo.Client, error) {
		return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...)}, opts...)...)
	}
	asker, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(asker.Close)
	topics := txn.NewTopics(asker)
	to, err := topics.Topic(t.Context(), "out")
	if err != nil {
		t.Fatal(err)
	}
	p := &plain{t, txn.New(txn.Config{Client: dial, ID: "id", Topics: topics}), txn.NewBuffer(new(batch.Codecs), batch.None)}
	t.Cleanup(p.producer.Close)
	for partition := range int32(2) {
		if err := p.buffer.Append(to, partition, batch.Record{Timestamp: 1, Value: []byte("v")}); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func (p *plain) commit() error { return p.producer.Commit(p.Context(), p.buffer, at(1)) }
