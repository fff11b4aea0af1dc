// Package proof checks, offline, that a record was in a log: at which offset,
// with which content, and in a log whose history was never rewritten.
//
// A [Record] has one canonical form. Hashed with a random [Salt] it gives the
// commitment of an [Entry], which is a leaf of the tree of its partition. The
// head of that tree is an entry of the deployment's root log ([RootEntry]), and
// the checkpoint of the root log is signed, cosigned by witnesses and anchored.
// A [File] carries all of that for one record or more, and [File.Verify] says
// what it proves and what it does not.
//
// Trees are RFC 6962's; checkpoints, cosignatures, inclusion proofs and policies
// are C2SP's tlog-checkpoint, tlog-cosignature, tlog-proof and tlog-policy. All
// formats are in docs/format/ledger.md.
//
// Packages below this one check the receipts of anchors.
//
// The package needs the standard library, golang.org/x/mod and
// filippo.io/mldsa only. It stores nothing, asks nobody, and reads no clock.
// What it parses may come from anyone: it returns errors, never panics, and
// what it allocates is bounded by the size of the input.
package proof
