// Package avro is the language of Avro's schemas: it reads them, prints them as
// Confluent's registry stores them, says whether what was written with one can
// be read with another, and checks payloads.
//
// The rules are those of the Avro 1.12 specification as its library for Java
// has them, which is what Confluent's registry runs on, down to the texts and
// the JSON Pointers of its messages. It does not decode: payloads are walked
// without making values of them.
package avro
