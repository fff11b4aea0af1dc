// Package once remembers where the events are that were written lately, by the
// identity that CloudEvents gives them, so that one that is sent again is not written
// again. It knows which are being written, too: two that come at once are one.
//
// It does no I/O. What was written before a start, its owner reads from the log and
// hands in. docs/decisions/0036-http-gateway.md says what it promises.
package once
