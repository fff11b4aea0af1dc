// Package bank sets faults against a real node: processes that are killed with
// SIGKILL, paused with SIGSTOP, and a disk that fills up.
//
// The bank moves money between accounts in transactions while workers and the
// node die, or the disk is full, and checks that none was made or lost. The
// zombies are processes of this test's own program that wake up when somebody
// else has their place. Where EVIDENT_CONFORMANCE_BROKERS names another peer, such
// as Apache Kafka, that is left alone, and held to the same expectations.
package bank
