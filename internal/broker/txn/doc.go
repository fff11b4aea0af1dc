// Package txn is the transaction coordinator: one method per Kafka request, and
// what produce requests have to ask before they write. What a request comes to is
// decided by the state machine in the subpackage transaction; this package adds
// what that leaves out: the disk, markers, waiting, and time.
//
// # Two phases
//
// A transactional id lives in one partition of the compacted topic
// __transaction_state, chosen by Kafka's hash of its id, in Kafka's own record
// format (docs/format/transaction-state.md). A partition is in a transaction,
// durably, before a client is told that something was written there: of clients of
// version 2 it is stored while their records are appended, and a start asks the
// partitions what they hold open that was not stored; others add it first. EndTxn stores
// PrepareCommit or PrepareAbort, which decides the transaction, and is answered
// once that is durable. Then a marker is appended to every partition of the
// transaction. Once all are durable the transaction is completed, which is stored
// without anybody's waiting for it. [Coordinator.Run] reads the topic when it starts
// and completes what was decided; what was going on goes on, or is aborted when its
// time is up.
//
// Every write goes through the log's shared commits, so transactions that end at
// the same time share their fsyncs; nothing here waits for one under a lock.
//
// # Waiting
//
// Kafka answers CONCURRENT_TRANSACTIONS to a request that comes while a
// transition is being stored or markers are being written, and the client tries
// again some 20 ms later. Here such requests wait for the transition, in the order
// in which they came, since produce requests must not overtake one another; only
// those that would have to wait long get that answer.
//
// # Concurrency
//
// An entry's mutex guards what is under way for one transactional id: at most one
// value is waited for at a time. The present value is an atomic pointer, so that a
// partition can look at it with its own lock held ([Coordinator.Verify]). The log's
// callbacks take the mutex, which is never held while something waits; whatever
// may wait for the log runs in a goroutine that the caller of [New] waits for.
//
// Lock order: a partition's lock, then nothing of this package; an entry's
// mutex, then that of the map or of the set of active entries.
package txn
