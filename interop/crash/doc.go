// Package crash kills `evident serve` with SIGKILL at random moments while an
// idempotent producer keeps it busy, starts it again on the same folder, and
// checks that every acknowledged record is there, once, in order.
//
// SIGKILL loses the process, not what the kernel was given, so this tests
// recovery and the producer's state. What a power cut takes is tested on the
// in-memory filesystem of the main module.
package crash
