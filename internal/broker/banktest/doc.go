// Package banktest moves money between accounts in Kafka transactions, while
// workers are killed and frozen, and checks in the end that none was made or lost.
//
// A topic holds orders: move so much from one account to another. Workers of one
// consumer group carry them out: for each order they write two entries, a debit
// and a credit, to partitions of another topic, and commit them together with
// the offset of the order. Whoever reads committed records must find both entries
// of every order, once.
//
// It is for tests of a broker, whose part it is to be killed meanwhile. It knows
// nothing of the broker but how to reach it.
package banktest
