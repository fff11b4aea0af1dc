// Package record has the records of the topic _schemas, in the format of Confluent's
// schema registry, so that each of the two can take over the other's topic. A record's
// key says what it is about; a value of nil takes that away.
//
// The package knows what records say and not what follows from them (package state
// does). docs/format/schemas-topic.md describes them.
package record
