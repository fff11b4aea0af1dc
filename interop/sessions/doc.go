// Package sessions checks on Apache Kafka how the ledger reads a cluster: by fetch
// sessions (KIP-227). It has tests only.
package sessions
