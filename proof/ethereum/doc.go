// Package ethereum checks receipts of checkpoints that were anchored in a
// contract on Ethereum, or on a chain with Ethereum's headers.
//
// A receipt is a proof of state (EIP-1186): a block's header, and the paths in
// Merkle Patricia tries from there to the contract's account and from the
// account to the storage slot with the checkpoint's digest. The account has the
// hash of the contract's code, which must be [CodeHash]: that contract takes
// checkpoints from its owner only, each of a larger log than the one before.
//
// That a block is part of the chain can be seen neither in its header nor in
// anything else of a size that a receipt may have. The caller says so, by the
// block's hash. The package asks no network, and needs golang.org/x/crypto for
// Keccak-256. What it parses may come from anyone.
package ethereum
