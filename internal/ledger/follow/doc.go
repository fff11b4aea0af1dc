// Package follow reads a Kafka cluster's partitions in order and gives their
// batches to the ledger: all that lies below the high watermark, control
// records and aborted ones included.
//
// It speaks Fetch itself instead of letting the client consume: the ledger
// wants batches as the log has them, and no records made of them. Leaders,
// versions and connections are the client's.
//
// What it finds of a log's life it tells the ledger: a topic that is gone, or
// was made anew under its name, a log that was cut back, offsets that were
// removed before they were read.
package follow
