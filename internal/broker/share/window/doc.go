// Package window is what a share group knows of the records of one partition
// (KIP-932): which are available, which are locked by whom and until when, how
// often each was delivered, and which are finished.
//
// It is pure: time comes in with each step, and what has to be stored is asked
// for afterwards ([Window.Batches]). It knows offsets, not records; which offsets
// there are, and in which batches, its caller says.
//
// # The window
//
//	finished | start (SPSO) ............................. end | not yet given out
//	         | finished, available and locked records         |
//
// Every offset in [start, end) belongs to one run: neighbours that are in the
// same state, under the same lock, delivered equally often. The record at start
// is not finished, or the window is empty. A step gives ranges of offsets another
// state in one pass over the runs.
//
// # States
//
//	            acquire               accept
//	Available ----------> Acquired -----------> Acknowledged
//	    ^                 | | | |  \  gap
//	    |   release, lock | | | |   `---------> Archived
//	    `-----ran out-----' ' | |                  ^
//	              renew: same | | reject, or the   | dead letter written
//	                          ' `-limit is reached-+--> Archiving
//	                                               (with dead letters)
package window
