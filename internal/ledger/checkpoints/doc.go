// Package checkpoints keeps checkpoints of one log for ever, with the
// cosignatures of witnesses: signatures in files that only grow, found by size
// with a binary search on disk, so that memory does not grow with them. The
// format is in docs/format/ledger.md.
//
// It decides nothing: who calls it says which checkpoints are worth keeping, and
// gets none that it does not ask for.
package checkpoints
