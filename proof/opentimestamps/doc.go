// Package opentimestamps reads and checks timestamps of OpenTimestamps: the
// files that end in .ots, and what calendars answer.
//
// A timestamp is a tree of operations that turn a digest into other messages.
// Its leaves are attestations: who vouches for the message there. One that
// names a Bitcoin block says that the message is the root of the block's
// transactions; with the header of that block, which the caller has to bring, a
// [Verifier] shows that the digest existed when the block was made. It asks no
// network and trusts no calendar.
//
// The package needs golang.org/x/crypto for the digests RIPEMD-160 and
// Keccak-256. What it parses may come from anyone: depth, sizes and memory are
// bounded.
package opentimestamps
