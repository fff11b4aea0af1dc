// Package history checks that a processor had the effect of each record once. A test's
// processor ([Recorder]) notes with each step what it was given, the state that it
// found and left, what it wrote and which timers it set. What is committed of that,
// beside inputs, outputs, changelog and positions, is a [History]; [Check] wants it to
// be what one worker that is never disturbed could have done: one sequence a task, no
// input missing or twice, each state the one that its predecessor left, outputs in
// order and timers fired once, those of event time before the record that makes them due.
//
// It looks at what topics hold and knows nothing of how processors are run. It does not
// tell whether a processor is quick, nor whether what topics hold survives: what is
// lost of inputs and of all that was made of them goes unnoticed here.
package history
