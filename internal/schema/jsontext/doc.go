// Package jsontext reads JSON into trees that keep what a schema's author
// wrote: the order of members and the digits of numbers; and writes them as
// Confluent's registry writes them. It is for schemas, which are read seldom:
// payloads are walked, not made into trees.
//
// It is strict (RFC 8259): a member given twice is refused, since which of the
// two counts would depend on who reads it; so is what is not UTF-8. Depth and
// number of values are bounded.
package jsontext
