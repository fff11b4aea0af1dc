// Package index finds offsets of a partition by event id, type, key, correlation
// id and time. Proofs, tracing and searches all use it.
//
// It is told of records as the ledger makes leaves of them, and keeps of each a
// few keyed hashes: in memory first, then in blocks, files that are never
// changed but only merged with their neighbours, written again without what was
// erased, or removed (docs/format/index.md, docs/decisions/0014-index.md). What
// it gives are candidates: whoever asks reads the record and looks.
//
// The log is the truth. What an index has lost, or never saw, is read again from
// there by package search; until then [Partition.Next] tells how far it reaches.
// It knows nothing of trees and of proofs, and reads no log itself.
package index
