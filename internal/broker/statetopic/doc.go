// Package statetopic is what a coordinator needs to keep its state in an
// internal compacted topic: which partition keeps a key, making the topic when
// it is first wanted, and reading it back when the broker starts.
//
// What the records say is the coordinator's own business.
package statetopic
