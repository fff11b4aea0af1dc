// Package snapshot is how a share-partition's window is stored: the records of
// the topic __share_group_state, in the form of Kafka's ShareSnapshot (KIP-932).
// docs/format/share-group-state.md describes them byte by byte.
package snapshot
