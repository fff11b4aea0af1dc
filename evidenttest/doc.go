// Package evidenttest tests asynchronous systems on a whole Evident node inside the
// test's own process, without sleeping and without polling. The node is on a
// filesystem in memory, and is started and stopped in milliseconds.
//
//	func TestAnOrderIsPaid(t *testing.T) {
//		evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
//			startPayments(t, n.Client(kgo.ConsumeTopics("orders"), kgo.ConsumerGroup("payments")))
//			produce(t, n.Client(), "orders", order)
//			n.Await(evidenttest.Event("payments", evidenttest.Type("order.paid")))
//			n.Never(evidenttest.Event("payments", evidenttest.Type("order.refused")))
//		})
//	}
//
// # Time
//
// [Run] puts the test and the node into a bubble of testing/synctest: their clock
// begins at midnight UTC of 2000-01-01 and moves on when all of them wait, so that
// hours of retention, session timeouts, retries and timers pass in milliseconds.
// [Node.Advance] lets time pass; time.Sleep does too. [Start] is the same node in
// real time, for tests with a network or other processes ([Listen]).
//
// # Processors
//
// [Drive] runs the code of one processor without a node: records in, outputs, state and
// timers out, hours in microseconds. [WithProcessors] has the node of a test run them as
// they are in production, with crashes in between.
//
// # Awaiting
//
// [Node.Await] waits for a [Condition]: [Records], [Event], [Consumed], [Quiet],
// [That] and more. It looks when something has happened on the node. If the condition
// is not met in time the test fails, and is told what was there instead.
// [Node.Never] waits until nothing more can come of what was produced, not for a
// while.
//
// # Faults
//
// [Node.Inject] makes something go wrong: a [RequestFault] between clients and the
// node, a [DiskFault] below it. [Node.CutPower] and [Process.Kill] end the node or
// a program without warning. What is left to chance is decided by a seed,
// which is logged when a test fails and can be given again with -evidenttest.seed.
//
// # Flows
//
// [Node.Golden] compares what went through topics with a file in testdata, which
// -evidenttest.update writes.
package evidenttest
