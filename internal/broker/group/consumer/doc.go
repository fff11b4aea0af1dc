// Package consumer is the state machine of one consumer group in which the node
// assigns the partitions (KIP-848, with KIP-345, KIP-1251 and the migration of
// classic groups): who is a member, what each may read, and what each heartbeat
// is answered.
//
// A [Group] is pure: a step takes a request and an [Env], changes the group and
// returns the answer and [Effects], the records to store. It does no I/O, reads
// no clock, starts no goroutine and draws no random numbers. The owner steps a
// group under a lock or from one goroutine, calls [Group.Expire] at
// [Group.Wake], and gives an answer away once the step's records, and those of
// the steps before, are durable.
//
// # Epochs
//
// The group's epoch grows whenever its members or what they read changes. The
// next heartbeat of any member computes the target, which says what each member
// shall have, and the target takes that epoch. Each member then goes to the
// target's epoch at its own pace:
//
//	            a newer target
//	   ┌──────────────────────────────┐
//	   │                              ▼
//	Stable ◀── has all of it ── what must it give up?
//	   ▲                          │ some           │ nothing
//	   │                          ▼                ▼
//	   │                      Unrevoked ─ done ─▶ which of its partitions are free?
//	   │                                           │ all       │ not all
//	   └───────────────────────────────────────────┘           ▼
//	                                                      Unreleased, asks
//	                                                      again at each heartbeat
//
// A partition that somebody holds, or has not yet given back, is given to nobody
// else, so it never has two readers.
//
// # Classic members
//
// While members of the classic protocol are in the group, JoinGroup stands for
// a heartbeat that joins or reconciles, SyncGroup fetches the assignment, and
// Heartbeat says when to join again; a member's epoch is its generation.
package consumer
