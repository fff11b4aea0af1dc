// Package txn is a lean transactional producer (KIP-98, KIP-447, KIP-890). It writes
// whole record batches in transactions that also commit a group's offsets, and
// nothing else.
//
// A [Buffer] gathers the records of one transaction, with savepoints. [Producer.Commit]
// writes them: batches and offsets go out at the same time, and then the transaction
// is ended. A batch is sent once. Whatever becomes doubtful on the way, such as a
// connection that breaks, ends the producer's epoch: the next one begins with
// InitProducerId, which aborts what was open. If it was the end itself that became
// doubtful, the group is asked what it has: the name of the transaction, which is
// committed with the offsets, tells whether it happened. So Commit's answer is sure,
// unless its context ends first; and a buffer that was not committed can be committed
// again, or dropped.
//
// On clusters with transactions of version 2 partitions join by being written to, and
// each end raises the epoch (KIP-890). On others, since Apache Kafka 2.5, they are
// added first.
package txn
