// Package state keeps the keyed state of a processor's tasks on one node: stores of keys
// and values, with a time to live, in one Pebble for all tasks of a processor's version.
//
// The changelog is the log. A step changes an overlay in memory ([Tx]); what it changed
// goes to the changelog topic in the step's transaction, by the runtime, and is the
// state only after that is committed. Then it is pending: in a table in memory, until
// there is enough for Pebble, which gets it with the changelog's offset. Pebble has no
// write-ahead log of its own: what is on disk after a crash is the state after some
// earlier step, and the rest comes from the changelog again, from the offset found there.
//
// So whatever is doubtful may be thrown away: a folder that is damaged, and state of a
// changelog that is not there any more, are discarded, said, and made again.
//
// It reads and writes no topics. docs/format/changelog.md has the form of changes,
// docs/format/processor-state.md that of the folder.
package state
