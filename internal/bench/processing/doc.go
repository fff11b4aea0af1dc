// Package processing measures the processor runtime: how fast it goes from topic to
// topic exactly once, how long a record is under way, what timers, state and restore
// cost. It is the logic of `evident bench process`, and of `evident bench
// dedup`.
//
// What is measured runs in a process of its own ([RunChild]), broker and runtime in
// one, or the runtime alone on somebody else's cluster; so its processor time and
// memory are told from the benchmark's. Rates are taken from the positions that the
// group commits, as anybody sees them who asks the broker.
package processing
