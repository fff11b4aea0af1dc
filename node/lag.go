package node

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/internal/ledger/follow"
	"github.com/evidentlog/evident/internal/ledger/lag"
	"github.com/evidentlog/evident/internal/log"
)

// watchLag prepares to bound how far the ledger falls behind the node's own log.
// It returns how fast producers may go, nil if there is no ledger.
func (n *Node) watchLag() (func(log.ID) (time.Duration, error), error) {
	if !*n.cfg.Ledger {
		return nil, nil
	}
	watch, err := lag.New(lag.Config{
		Partitions: n.log.Partitions, Appended: n.log.Appended, Covered: n.covered, Limit: n.maxLag, Total: n.cfg.LedgerMaxLag, Metrics: n.cfg.Metrics,
	})
	if err != nil {
		return nil, err
	}
	n.behind = watch
	return watch.Pace, nil
}

// maxLag is how many bytes of a partition may wait for the ledger.
func (n *Node) maxLag(id log.ID) int64 {
	if f := n.follower.Load(); f != nil {
		return f.MaxLag(id.TopicID)
	}
	return follow.DefaultLag
}

// ledgerTrouble is why records do not become provable as they should.
func (n *Node) ledgerTrouble() []error {
	if n.ledger == nil {
		return nil
	}
	var all []error
	if err := n.ledger.trouble(); err != nil {
		all = append(all, err)
	}
	if n.behind != nil && n.behind.Err() != nil {
		all = append(all, n.behind.Err())
	}
	if w := n.ledger.witnesses; w != nil && w.Alarm() != nil {
		all = append(all, w.Alarm())
	}
	return all
}

// alarms counts what the ledger's follower alarms of.
func (n *Node) alarms() (func(follow.Alarm), error) {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "evident_ledger_alarms_total",
		Help: "What an operator has to look at: logs that were cut back or diverged, records lost to the ledger, partitions that are stuck, clocks that are off, trees that cannot be made again.",
	}, []string{"alarm"})
	for _, a := range []follow.Alarm{follow.Truncated, follow.Diverged, follow.Lost, follow.Unreadable, follow.Stuck, ledger.ClockAlarm, ledger.UnrebuiltAlarm} {
		counter.WithLabelValues(string(a)) // 0 is said, too
	}
	return func(a follow.Alarm) { counter.WithLabelValues(string(a)).Inc() }, n.cfg.Metrics.Register(counter)
}
