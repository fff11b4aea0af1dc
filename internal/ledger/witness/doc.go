// Package witness cosigns checkpoints of logs that only grow: the server side of
// C2SP's tlog-witness, for any log that signs with Ed25519 or ML-DSA-44. It
// remembers, for each log, the newest checkpoint that it has cosigned, and
// nothing else of the log; it never cosigns two that are not consistent, whatever
// it is sent and whenever the power goes.
//
// How a log asks is in package client, what both say in package protocol.
package witness
