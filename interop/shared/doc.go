// Package shared runs nodes that share a ledger, on Apache Kafka and a store of
// somebody else's that speaks S3, kills them, and has programs that others wrote
// check what is left (interop/shared.sh).
package shared
