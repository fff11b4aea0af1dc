// Package client is the Go SDK: it produces and consumes events on Evident, and on any
// Kafka cluster.
//
//		c, err := client.Connect(ctx, []string{"localhost:9092"}, client.WithSource("/shop"))
//		defer c.Close()
//		at, err := c.Producer().Produce(ctx, "orders", &event.Event{Type: "OrderPlaced", Subject: "42"})
//
//	  - A [Producer] stamps events with what they lack and writes them, a [Transactor]
//	    several of them together or not at all.
//	  - A [Consumer] hands events to a [Handler]: in order by key, several at a time, again
//	    when the handler fails, and to a topic of dead letters when it fails for good. It
//	    commits what is done and nothing else, either at least once, with a guard against
//	    repetitions ([Deduplicate]), or exactly once, in Kafka transactions ([ExactlyOnce]).
//	  - A [Requester] asks, and a handler made by [Answer] answers.
//	  - A [Table] is a compacted topic as a map that knows how old it is.
//
// What a handler produces carries correlationid, causationid and the trace of the event
// that it handles.
//
// The package is a thin layer: records are franz-go's, and so are connections, which
// [WithKafka] sets. It keeps no state of its own beyond memory, reads no clock but
// [WithClock]'s except to wait, and starts no goroutine that does not end with what
// started it; only handlers that outlive their deadline are left behind, so many and no
// more. docs/client.md is the guide.
package client
