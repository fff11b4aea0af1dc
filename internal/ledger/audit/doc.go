// Package audit checks that a ledger commits to the records that a log has. It
// reads the records through Kafka's protocol and their salts from the node, makes
// the entries again, and compares them with those that the node serves, with the
// tiles, with all heads in the root log and all checkpoints that were kept.
//
// It needs the rights of whoever may read the records. What can be checked
// without them is package monitor's.
package audit
