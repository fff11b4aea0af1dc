// Package resource keeps what is declared: topics, and whatever other kinds of
// things the rooms of the house hand in. A resource has a kind, a name and a
// spec; its history is a topic that never expires and is never compacted, which
// one node at a time writes and every node follows.
//
// The package knows no kind by name, makes nothing so itself, and speaks no YAML
// (package manifest does). docs/format/resources.md has the records.
package resource
