// Package ledger makes the history of a log provable: it grows a Merkle tree
// for each partition, collects their heads in the root log, signs that, and
// hands out proofs. Formats are in docs/format/ledger.md, reasons in
// docs/decisions/0010-ledger.md; what is handed out is checked by package proof.
//
// Package store below it keeps the files, leaves makes leaves of record
// batches, tree grows trees. Whoever follows the log (package follow) gives
// batches to a [Partition]; [Ledger.Run] makes rounds of what was given.
//
// It knows nothing of topics' settings, and does not decide what is followed.
package ledger
