// Package quota decides which limit applies to a client and how long it has to
// wait once it has used too much (KIP-13, KIP-124, KIP-546, KIP-599).
//
// It knows nothing of requests and connections, stores nothing, and has no clock
// but what it is told: the broker tells it what was used and makes clients wait,
// the metadata store keeps the limits.
package quota
