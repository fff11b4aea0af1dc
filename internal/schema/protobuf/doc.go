// Package protobuf is the language of Protobuf's schemas: files of messages. It
// reads them as text or as descriptors, prints them as Confluent's registry
// stores them, says whether what was written with one can be read with another,
// and checks payloads.
//
// Files are compiled by bufbuild/protocompile. Payloads are walked, not decoded.
package protobuf
