package client

import "sync/atomic"

// Stats are what a consumer has done since it was made.
type Stats struct {
	// Handled events are those on which the handler succeeded. With [ExactlyOnce] only
	// those count whose transaction was committed.
	Handled int64
	// Failed attempts, whether they were followed by others or not.
	Failed int64
	// DeadLetters are records that were given up.
	DeadLetters int64
	// Repeated events are those that were left out, or on which the handler said
	// [ErrRepeated].
	Repeated int64
	// Emitted events, that are durable.
	Emitted int64
	// Aborted transactions; [ExactlyOnce] only.
	Aborted int64
	// Left behind are handlers that have outlived their deadline and still run.
	LeftBehind int64
	// Sessions that broke and were begun again.
	Sessions int64
}

type counts struct {
	handled, failed, letters, repeated, emitted, aborted, left, sessions atomic.Int64
}

// Stats returns what the consumer has done. It may be called at any time.
func (c *Consumer) Stats() Stats {
	return Stats{
		Handled: c.counts.handled.Load(), Failed: c.counts.failed.Load(), DeadLetters: c.counts.letters.Load(),
		Repeated: c.counts.repeated.Load(), Emitted: c.counts.emitted.Load(), Aborted: c.counts.aborted.Load(),
		LeftBehind: c.counts.left.Load(), Sessions: c.counts.sessions.Load(),
	}
}
