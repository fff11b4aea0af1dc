// Package store keeps a ledger's files: entries, salts and hashes of the trees
// of partitions, the root log, and the journal that makes a round of all of
// them durable with one sync. Formats are in docs/format/ledger.md.
//
// A round ([Store.Commit]) is what was added to the trees since the last one,
// with the entries of the root log that say so. It is durable as a whole or not
// at all. What a tree has beyond its newest head in the root log was never
// signed; it is forgotten when the store is opened again.
//
// Leaves that the journal has may wait in memory for their places: to open a tree's
// files for a few bytes is what a round of many trees would spend its time with.
// They are there before the journal's file goes.
//
// Entries and salts in their places are the truth, hashes can be made again
// from entries: those of trees are never synced, and are made again when a tree
// is opened and any of them is wrong.
//
// The package knows nothing of records, keys or the network. Commit, Write,
// WriteHashes, KeepCheckpoint and Erase are for one goroutine; all else is for any.
//
// Assumed of the disk: what package vfs says a power cut keeps. After a failed
// write or sync the store refuses all that follows: it is closed and opened
// again, which goes back to the last round that is whole.
package store
