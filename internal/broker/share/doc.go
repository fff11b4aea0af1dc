// Package share keeps the queues of share groups (KIP-932): it gives records to
// members, takes their acknowledgements, and remembers both. Who is a member,
// and of which topics, is the group coordinator's business.
//
// A share-partition is what a group knows of a partition of a topic. Which of its
// records are available, locked or finished is decided by the state machine in
// the subpackage window; this package adds the log that the records come from,
// those who wait for them, time, and the disk.
//
// # Storage
//
// The window of a share-partition is a record of the compacted topic
// __share_group_state (subpackage snapshot). A step changes the window at once,
// and the window is written when no write of it is under way: so a write holds
// all steps since the one before, and those who wait for their step to be durable
// wait for the next write to begin. If a write fails, they are told so; the
// window stays, and is written again.
//
// # Waiting for records
//
// A fetch that finds nothing stands in line at the share-partitions of its
// session. Whatever makes records available calls the first in line: an append to
// the log, or a step of the window. Who has been called and leaves something, or
// leaves without looking, calls the next. At most one fetch at a time reads the
// log for a share-partition; the others wait until it has taken what it wants.
//
// # Locks
//
// Coordinator.mu guards the map of share-partitions, sessions.mu that of
// sessions. partition.mu guards a window and what belongs to it; Store.Append is
// called under it, so that snapshots lie in the log in their order, but the log of
// the records is not read under it. line.mu is taken last of all, also by the log
// with its own lock held. A session's mutex is taken before these.
package share
