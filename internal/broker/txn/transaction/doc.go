// Package transaction is the state machine of one transactional id (KIP-98,
// KIP-360, KIP-890): who its producer is, which partitions its transaction has
// written, and how far it has come.
//
// It is pure. A [Value] never changes; each request is a method that looks at
// the value which is durable and returns a [Step]: an answer, a value to store
// first, or that a transition has to end before. What stores values, writes
// markers and keeps time is package txn. A crash can lose a value that partitions were
// added by while records in them are durable: [Value.Resume] makes it good.
//
//	Empty ──> Ongoing ──> PrepareCommit ──> CompleteCommit ──> Ongoing …
//	             └──────> PrepareAbort ───> CompleteAbort ───> Ongoing …
//
// A transaction's fate is decided when PrepareCommit or PrepareAbort is
// durable. From then on it can only be completed: a marker goes to every
// partition, and then the completed value is stored.
//
// # Two versions
//
// Clients of transaction version 0 keep their epoch from one transaction to the
// next. With version 2 (KIP-890) the end of each transaction raises the epoch,
// the markers carry the new one, and the answer to EndTxn tells it: so a record
// of an old transaction can never slip into the next. What version a client
// speaks shows in the version of its requests.
package transaction
