// Package share is the state machine of one share group (KIP-932): who is a
// member, which topics each wants, and which partitions it is told to get records
// from. What becomes of the records is not its business.
//
// A [Group] is pure: a step takes a request and an [Env], changes the group and
// returns the answer and [Effects]. It does no I/O, reads no clock, starts no
// goroutine and draws no random numbers. The owner steps a group under a lock,
// calls [Group.Expire] at [Group.Wake], and gives an answer away once the step's
// records, and those of the steps before, are durable.
//
// # Topics
//
// Before a member is told of a partition, the group must have begun with it:
// where it begins is written down, so that nothing is lost between the assignment
// and the first fetch. [Group.Beginnings] says what is to be begun for a
// heartbeat; when that is done, [Group.Begun] notes it, and the heartbeat is
// stepped.
//
// # Epochs
//
// The group's epoch grows when its members, what they want, or these topics
// change; then the targets of all members are computed anew. Members share
// partitions, so nobody has to wait for another: each gets its target, and the
// epoch, with its next heartbeat.
package share
