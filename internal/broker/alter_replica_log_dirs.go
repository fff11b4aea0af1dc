package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// alterReplicaLogDirs moves partitions between the broker's folders (KIP-113).
// There is one, so either a partition is there already or there is no such folder.
func (b *Broker) alterReplicaLogDirs(_ context.Context, _ *call, req *kmsg.AlterReplicaLogDirsRequest) kmsg.Response {
	resp := reply[*kmsg.AlterReplicaLogDirsResponse](req)
	topics := b.store.Snapshot()
	places := make(map[string]int) // of topics in the response
	for _, rd := range req.Dirs {
		for _, rt := range rd.Topics {
			i, seen := places[rt.Topic]
			if !seen {
				i = len(resp.Topics)
				places[rt.Topic] = i
				st := kmsg.NewAlterReplicaLogDirsResponseTopic()
				st.Topic = rt.Topic
				resp.Topics = append(resp.Topics, st)
			}
			for _, n := range rt.Partitions {
				sp := kmsg.NewAlterReplicaLogDirsResponseTopicPartition()
				sp.Partition = n
				_, err := findPartition(topics.Topic(rt.Topic), n, -1)
				switch {
				case rd.Dir != b.cfg.Log.Dir():
					sp.ErrorCode = kerr.LogDirNotFound.Code
				case err != nil:
					sp.ErrorCode = kerr.ReplicaNotAvailable.Code
				}
				resp.Topics[i].Partitions = append(resp.Topics[i].Partitions, sp)
			}
		}
	}
	return resp
}
