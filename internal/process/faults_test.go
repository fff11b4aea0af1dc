package process_test

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/internal/process"
)

// transaction are the requests that a step is made of.
var transaction = []kmsg.Key{kmsg.InitProducerID, kmsg.Produce, kmsg.TxnOffsetCommit, kmsg.EndTxn}

// mostRounds is after how many rounds a fault should have hit something.
const mostRounds = 20

// TestAConnectionThatBreaksAtAnyRequestChangesNothing breaks it before and after each request of
// a transaction, several times in a row: requests that come twice, or whose answers do
// not, leave the same outputs and the same state.
func TestAConnectionThatBreaksAtAnyRequestChangesNothing(t *testing.T) {
	for _, key := range transaction {
		for _, do := range []evidenttest.Effect{evidenttest.LoseRequest, evidenttest.LoseAnswer, evidenttest.Twice} {
			t.Run(fmt.Sprintf("%s %v", key.Name(), do), func(t *testing.T) {
				t.Parallel()
				virtual(t, 2, func(h *house) {
					keys := numbers(0, 20)
					stop := h.run(h.service(func(c *process.Config) { c.Workers = 1 }), counter("count"))
					h.produce("in", keys...)
					h.read("out", 20)
					fault := h.node.Inject(evidenttest.RequestFault{
						Requests: []kmsg.Key{key}, Do: do, When: evidenttest.When{Times: 3},
						Where: func(r kmsg.Request) bool { return fromProcessor(r) },
					})
					rounds := 2
					for ; fault.Hits() < 2; rounds++ {
						if rounds > mostRounds {
							t.Fatalf("the fault has hit %d requests in %d rounds: want 2, or nothing is shown", fault.Hits(), rounds)
						}
						h.produce("in", keys...)
						h.read("out", 20*rounds)
						if key == kmsg.InitProducerID { // of the next beginning
							stop()
							stop = h.run(h.service(func(c *process.Config) { c.Workers = 1 }), counter("count"))
						}
					}
					h.once(h.read("out", 20*(rounds-1)), counts(keys, rounds-1))
				})
			})
		}
	}
}

// fromProcessor tells a processor's requests from those of others.
func fromProcessor(r kmsg.Request) bool {
	switch r := r.(type) {
	case *kmsg.ProduceRequest:
		return r.TransactionID != nil
	case *kmsg.InitProducerIDRequest:
		return r.TransactionalID != nil
	}
	return true
}
