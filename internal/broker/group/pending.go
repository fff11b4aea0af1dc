package group

import "github.com/evidentlog/evident/internal/log/batch"

// pendingOffsets are the offsets of a group that belong to transactions which have
// not ended, by producer id. They are durable, and nobody sees them.
type pendingOffsets map[int64]offsetTable

func (p *pendingOffsets) set(producerID int64, tp topicPartition, c committed) {
	if *p == nil {
		*p = pendingOffsets{}
	}
	offsets := (*p)[producerID]
	offsets.set(tp, c)
	(*p)[producerID] = offsets
}

// partitions are those of which an offset is pending.
func (p pendingOffsets) partitions() map[topicPartition]bool {
	if len(p) == 0 {
		return nil
	}
	all := map[topicPartition]bool{}
	for _, offsets := range p {
		for topic, partitions := range offsets {
			for n := range partitions {
				all[topicPartition{topic, n}] = true
			}
		}
	}
	return all
}

// drop forgets those for which pick holds.
func (p pendingOffsets) drop(pick func(topicPartition, committed) bool) {
	for id, offsets := range p {
		for _, tp := range offsets.filter(pick) {
			offsets.remove(tp)
		}
		if len(offsets) == 0 {
			delete(p, id)
		}
	}
}

// end takes out what is pending of a producer, and, if its transaction has been
// committed, puts it into offsets, but for what has been committed since.
func (p pendingOffsets) end(m batch.Marker, offsets *offsetTable) {
	if m.Commit {
		for topic, partitions := range p[m.ProducerID] {
			for n, c := range partitions {
				tp := topicPartition{topic, n}
				if now, ok := offsets.get(tp); !ok || now.order < c.order {
					offsets.set(tp, c)
				}
			}
		}
	}
	delete(p, m.ProducerID)
}
