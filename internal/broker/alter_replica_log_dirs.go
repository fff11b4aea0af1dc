package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
)

// alterReplicaLogDirs moves partitions between the broker's folders (KIP-113).
// There is one, so either a partition is there already or there is no such folder.
func (b *Broker) alterReplicaLogDirs(_ context.Context, _ *call, req *kmsg.AlterReplicaLogDirsRequest) kmsg.Response {
	resp := reply[*kmsg.AlterReplicaLogDirsResponse](req)
	topics := b.store.Snapshot()
	places := make(map[string]int) // of topics in the response
	asked, folders := foldersAsked(req)
	for _, p := range asked {
		i, seen := places[p.topic]
		if !seen {
			i = len(resp.Topics)
			places[p.topic] = i
			st := kmsg.NewAlterReplicaLogDirsResponseTopic()
			st.Topic = p.topic
			resp.Topics = append(resp.Topics, st)
		}
		sp := kmsg.NewAlterReplicaLogDirsResponseTopicPartition()
		sp.Partition = p.number
		sp.ErrorCode = b.moved(topics.Topic(p.topic), p.number, folders[p])
		resp.Topics[i].Partitions = append(resp.Topics[i].Partitions, sp)
	}
	return resp
}

// moved is the error code of moving a partition to a folder.
func (b *Broker) moved(t *metadata.Topic, partition int32, folder string) int16 {
	if folder != b.cfg.Log.Dir() {
		return kerr.LogDirNotFound.Code
	}
	if _, err := findPartition(t, partition, -1); err != nil {
		return kerr.UnknownTopicOrPartition.Code
	}
	return 0
}

type topicPartition struct {
	topic  string
	number int32
}

// foldersAsked lists the partitions of the request, each once, and the folder for
// each: of several the last, as in Kafka.
func foldersAsked(req *kmsg.AlterReplicaLogDirsRequest) (asked []topicPartition, folders map[topicPartition]string) {
	folders = make(map[topicPartition]string)
	for _, rd := range req.Dirs {
		for _, rt := range rd.Topics {
			for _, n := range rt.Partitions {
				p := topicPartition{rt.Topic, n}
				if _, seen := folders[p]; !seen {
					asked = append(asked, p)
				}
				folders[p] = rd.Dir
			}
		}
	}
	return asked, folders
}
