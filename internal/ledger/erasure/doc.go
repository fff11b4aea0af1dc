// Package erasure finds what is to be erased: the offsets that a request means,
// and the copies of their records that are known. It reads a cluster as a Kafka
// client; it changes nothing. Why erasure is as it is, is told in
// docs/decisions/0013-erasure.md.
package erasure
