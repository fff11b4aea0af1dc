package assignor

// RangeName is what clients call [Range].
const RangeName = "range"

// Range gives each subscriber of a topic a run of its partitions, in the order
// of the members; when they do not divide evenly, the first get one more. So
// topics with as many partitions and the same subscribers are co-partitioned: a
// member has the same partition numbers of each.
func Range(members []Member) [][]Partition {
	subscribers := make(map[TopicID]int32)
	for i := range members {
		for _, t := range members[i].Topics {
			subscribers[t.ID]++
		}
	}
	served := make(map[TopicID]int32, len(subscribers)) // members that have their run
	result := make([][]Partition, len(members))
	for i := range members {
		for _, t := range members[i].Topics {
			first, end := run(t.Partitions, subscribers[t.ID], served[t.ID])
			served[t.ID]++
			for n := first; n < end; n++ {
				result[i] = append(result[i], Partition{t.ID, n})
			}
		}
	}
	return result
}

// run is the part of n partitions that belongs to the subscriber of the given rank.
func run(n, subscribers, rank int32) (first, end int32) {
	each, more := n/subscribers, n%subscribers
	first = rank*each + min(rank, more)
	end = first + each
	if rank < more {
		end++
	}
	return first, end
}
