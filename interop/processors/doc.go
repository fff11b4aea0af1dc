// Package processors tests the processor runtime on Apache Kafka with nodes that are
// processes of their own: they are killed with SIGKILL, paused with SIGSTOP until their
// group has gone on without them, stopped in order, and brokers are killed, while
// records come. What the topics hold in the end is what one worker that is never
// disturbed could have written. It also measures how long a task stands still when its
// node is killed.
//
// interop/processors.sh starts all that is needed.
package processors
