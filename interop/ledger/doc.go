// Package ledger holds the ledger of `evident serve` to programs that others
// wrote: torchwood's client of tiled logs and its verifier of proofs,
// transparency-dev's Merkle verifier, and Tessera's fsck.
//
// And the other way round: `evident monitor` follows a log that Tessera has made.
package ledger
