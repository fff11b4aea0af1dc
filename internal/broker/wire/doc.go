// Package wire checks that a Kafka request is whole before it is decoded.
//
// The codec (kmsg) trusts the counts that a message claims: an array length
// allocates, a tag count loops. Here each request is walked first, by its
// schema and without allocating: every element that a count promises must
// really be there, and tags must come in ascending order (KIP-482) and be few.
// What passes costs the codec memory and time in proportion to the bytes
// received.
//
// It decodes nothing: values mean nothing to it.
package wire
