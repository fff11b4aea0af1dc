// Package bank sets faults against a real node: processes that are killed with
// SIGKILL, paused with SIGSTOP, and disks that fill up.
//
// The bank moves money between accounts in transactions while workers and the
// node die, and checks that none was made or lost. The zombies are processes of
// this test's own program that wake up when somebody else has their place; where
// EVIDENT_CONFORMANCE_BROKERS names another peer, such as Apache Kafka, they are
// set against that.
package bank
