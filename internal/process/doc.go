// Package process runs processors: named pieces of code that read topics, keep state
// by key, set timers and write records, so that each record has its effect once,
// whatever crashes, pauses or moves meanwhile. It is the ground of everything in the
// house that has state: functions, aggregates, workflows, windows.
//
// What processors do to the outside world (HTTP, SQL) is not its matter: a step may be
// run again, and only what goes into topics and state is then undone.
package process
