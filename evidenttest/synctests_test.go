//go:build synctests

package evidenttest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/evidenttest"
)

// franz-go's session holds a mutex while it ends a transaction, and its group wants it when
// the node is gone. Only with this tag does time pass then.
func TestEachOrderIsPaidOnceThoughThePowerFailsWithinATransaction(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
				shop(t, n, &bank{fails: map[string]int{"Bob": 1}})
				n.Supervise(10 * time.Second)
				n.Inject(evidenttest.RequestFault{
					Requests: []kmsg.Key{kmsg.EndTxn, kmsg.TxnOffsetCommit, kmsg.Produce},
					When:     evidenttest.When{Chance: 0.2, Times: 5}, Do: evidenttest.LoseAnswer,
				})
				cut := n.Inject(evidenttest.RequestFault{
					Requests: []kmsg.Key{kmsg.EndTxn}, Client: "payment", When: evidenttest.When{Skip: int(seed), Times: 1}, Do: evidenttest.CutPower,
				})
				for i, customer := range []string{"Alice", "Bob", "Dave"} { // each in a transaction of its own
					place(t, n, customer)
					n.Await(evidenttest.Events("shipments", i+1))
				}
				n.Never(evidenttest.Events("shipments", 4))
				n.Never(evidenttest.Events("payments", 4))
				if cut.Hits() != 1 {
					t.Errorf("the power was cut %d times", cut.Hits())
				}
			}, evidenttest.WithSeed(seed))
		})
	}
}
