// Package claim keeps the data of events that are too large for the log, by the digest
// that the event has in the log (claim check; the form is package event's). What it
// gives back is verified, whatever the store did with it.
//
// It does not decide which events are too large for what, or for how long data is
// kept, and it serves nothing.
package claim
