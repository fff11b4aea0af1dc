// Package classic is the state machine of one classic consumer group
// (KIP-62, KIP-345, KIP-394, KIP-814): who is a member, which generation it is
// in, who leads, and what each JoinGroup and SyncGroup is answered.
//
// A [Group] is pure: a step takes an input and the time, changes the group and
// returns [Effects], the replies to send and the metadata to store. It does no
// I/O, reads no clock, starts no goroutine and draws no random numbers, so the
// same inputs give the same replies. It knows nothing of committed offsets,
// except who may commit them.
//
//	            first member                 all joined, or time is up
//	Empty ─────────────────▶ PreparingRebalance ────────────▶ CompletingRebalance
//	  ▲                        │    ▲     ▲                        │       │
//	  └────────────────────────┘    │     └────────────────────────┘       │
//	       no member is left        │      member gone, new or changed      │ assignment is
//	                                │                                      │ durable
//	                                └───────────────── Stable ◀────────────┘
//
// Dead follows any state and is final. The owner steps a group under a lock or
// from one goroutine, calls [Group.Expire] at [Group.Wake], and reports every
// [Write] back with [Group.Persisted].
package classic
