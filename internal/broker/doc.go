// Package broker is the Kafka protocol server: it turns requests on network
// connections into calls on the log, the topics' metadata and the group
// coordinator. There is one broker to a log, and it leads every partition.
//
// It knows nothing of events, rules or proofs, and nothing of TLS:
// [Broker.ServeConn] takes any [net.Conn].
//
// # Authentication
//
// On a listener that wants to know its clients, a connection's own goroutine
// serves nothing but the authentication until the client is known. Only then do
// the two goroutines start, so that what they serve always has a principal.
//
// # A connection's two goroutines
//
// The reader takes requests off the socket in order. A Produce or consumer
// group request it starts at once, and goes on reading: many may wait for the
// disk or for other members together. Any other request it reads and queues when
// all before it have been answered (see conn.awaitTurn).
//
// The writer answers requests in the order in which they came, as the protocol
// demands. The queued request it handles itself, which may wait: a Fetch for
// records, a CreateTopics for the disk. Nothing is lost by that, since the answers
// behind it must wait too, and a connection holds one decoded request and one
// large response at a time.
//
// A client over its quota is told so at once, and its connection is muted: the
// reader reads no request until the time is over (see rest).
//
// # Memory
//
// Every request is charged to a budget for all connections before its bytes
// are read, by what has arrived rather than by what is claimed (see budget),
// until it is done with: for Produce when its records are durable. Requests are
// checked against their schema before the codec allocates for them (package
// wire). Stored batches go from the log to the socket through one scratch
// buffer a response.
//
// # Locks
//
// conn.out.mu, fetchSet.mu, fetchSessions.mu and budget.mu guard only what is
// declared beside them. A partition of the log calls fetchSet.Advanced with its
// own lock held, so no method of a partition is called under fetchSet.mu.
package broker
