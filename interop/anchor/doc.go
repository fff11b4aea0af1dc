// Package anchor holds the anchor on Ethereum against go-ethereum: contract,
// transactions, JSON-RPC and receipts. It has tests only.
package anchor
