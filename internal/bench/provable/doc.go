// Package provable measures the ledger: what a record costs, what producers lose
// by it, how far it lags behind them, and how long a proof takes. It is the logic
// of `evident bench ledger`.
//
// Records and proofs are measured in this process, on ledgers of their own; what
// producers and nodes notice is measured on nodes in processes of their own, with
// and without a ledger in turns. It verifies what it proves, and tests nothing else.
package provable
