// Package lag bounds how far the ledger may fall behind the log of the same
// node: it looks at all partitions as often as much has come, lets producers wait
// the longer the further the ledger lags, and refuses what would make it worse
// than is allowed.
//
// It knows the log's partitions, and by a function how far the ledger's durable
// heads reach. It does not make the ledger faster.
package lag
