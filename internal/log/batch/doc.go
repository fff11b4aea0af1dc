// Package batch is the codec of Kafka's record batch, version 2 (KIP-82,
// KIP-98, KIP-534): the unit that producers send, that segments store and that
// consumers fetch, byte for byte the same in all three places.
//
// A [Batch] is a view on those bytes. It is read and patched in place; the
// records inside are walked, never unpacked into structs, except where somebody
// asks for them ([Codecs.Records]) or where a batch is made anew ([Builder],
// [Rebuilder]).
//
// The package does no I/O, starts no goroutine and knows nothing of segments,
// topics or requests. The byte diagram is in docs/format/record-batch.md.
package batch
