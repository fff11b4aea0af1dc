// Package group is the coordinator of consumer groups and of committed offsets:
// one method per Kafka request. Who is in a group and what each member is
// answered is decided by a state machine: that of the subpackage classic where
// a client assigns the partitions, that of the subpackage consumer where the node
// does (KIP-848). This package adds what they leave out: offsets, time, the disk,
// and how a group goes from one machine to the other.
//
// # Storage
//
// A group lives in one partition of the compacted topic __consumer_offsets,
// chosen by Kafka's hash of its id, in Kafka's own record format. What a client
// is told has been stored is durable: a commit is answered, and an assignment
// handed out, once its record is. [Coordinator.Run] reads the partitions when
// it starts; until a group's partition has been read, requests for the group
// are answered COORDINATOR_LOAD_IN_PROGRESS. Members that were in a stable
// group find themselves in it again and go on with their heartbeats.
//
// A step changes the machine at once and its answer waits for its records. If
// these cannot be written, the group owes them: they go before its next write.
//
// # Concurrency
//
// Each group has one mutex, which guards its state machine, its offsets, its
// parked requests and its writes under way. Store.Append is called under it,
// so that records lie in the log in the order of the decisions that they
// record; so Append must not wait, and its callback takes no lock but that of a
// queue. Topics and replies are called without it. The one goroutine of Run
// fires deadlines, from one heap for all groups, and applies finished writes,
// of a group in the order in which they were begun.
//
// Regular expressions are matched with the topics before a heartbeat's step, with
// no lock but one of their own: see Coordinator.matches.
//
// Lock order: a group's mutex; then, one at a time, that of the map of groups,
// of the timers or of the queue.
package group
