package assignor

import "slices"

// UniformName is what clients call [Uniform].
const UniformName = "uniform"

// Uniform gives the members numbers of partitions that differ by one at most,
// as far as their subscriptions allow, and lets them keep as much of what they
// own as that allows.
func Uniform(members []Member) [][]Partition {
	if len(members) == 0 {
		return nil
	}
	if alike(members) {
		return uniformAlike(members)
	}
	return uniformMixed(members)
}

// uniformAlike is for members that all subscribe to the same topics. It takes
// time proportional to the numbers of members and partitions.
func uniformAlike(members []Member) [][]Partition {
	topics := members[0].Topics
	owned, total := make(owners, len(topics)), 0
	for _, t := range topics {
		owned.add(t)
		total += int(t.Partitions)
	}
	each, more := total/len(members), total%len(members)
	result, more := keep(members, owned, each, more)
	var free []Partition
	for _, t := range topics {
		free = append(free, owned.free(t.ID)...)
	}
	fill(result, free, each, more)
	return result
}

// keep lets members have what they own, up to each; as many as more says have
// one above that. It returns how many of those are still to be found.
func keep(members []Member, owned owners, each, more int) ([][]Partition, int) {
	result := make([][]Partition, len(members))
	for i := range members {
		quota := each
		if more > 0 {
			quota++
		}
		kept := make([]Partition, 0, quota)
		for _, p := range members[i].Owned {
			if len(kept) < quota && owned.take(p, i) {
				kept = append(kept, p)
			}
		}
		if len(kept) > each {
			more--
		}
		result[i] = kept
	}
	return result, more
}

// fill hands the free partitions to members with less than each, and then one
// more to as many as more says.
func fill(result [][]Partition, free []Partition, each, more int) {
	for i := range result {
		lacks := each - len(result[i])
		if lacks <= 0 && (lacks < 0 || more == 0) {
			continue // it has its share, or one above it
		}
		if more > 0 {
			lacks++
			more--
		}
		if lacks > 0 {
			result[i] = append(result[i], free[:lacks]...)
			free = free[lacks:]
			slices.SortFunc(result[i], Partition.Compare)
		}
	}
}
