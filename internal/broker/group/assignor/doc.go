// Package assignor divides the partitions of topics among the members of a
// group, as Kafka's assignors of the same names do (KIP-848): [Uniform] evenly
// and with as little change as it can, [Range] so that members of the same rank
// get the same partition numbers of all topics.
//
// An assignor is a pure function. It gives each partition that somebody
// subscribes to one of its subscribers, and never to two. Racks play no part.
package assignor
