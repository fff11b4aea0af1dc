package process_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/internal/process"
)

func TestTasksMoveUnderLoadAndEachRecordCountsOnce(t *testing.T) {
	virtual(t, 4, func(h *house) {
		keys, rounds := numbers(0, 40), 0
		write := func() { h.produce("in", keys...); rounds++ }
		one := h.run(h.service(), counter("count"))
		write()
		h.read("out", 40)
		two := h.run(h.service(), counter("count"))
		for range 10 {
			write()
		}
		one()
		for range 5 {
			write()
		}
		three := h.run(h.service(), counter("count"))
		for range 5 {
			write()
		}
		two()
		write()
		h.once(h.read("out", 40*rounds), counts(keys, rounds))
		three()
	})
}

func TestABrokerThatLosesPowerInTheMiddleChangesNothing(t *testing.T) {
	virtual(t, 2, func(h *house) {
		keys := numbers(0, 20)
		h.run(h.service(), counter("count"))
		h.produce("in", keys...)
		h.read("out", 20)
		for range 3 {
			h.produce("in", keys...) // which is being handled
			h.node.CutPower(evidenttest.LoseUnsynced)
			h.node.Restart()
		}
		h.once(h.read("out", 80), counts(keys, 4))
	})
}

// TestAZombieCommitsNothing holds all that a node sends, so that the group goes on without it,
// and lets it go on itself then.
func TestAZombieCommitsNothing(t *testing.T) {
	virtual(t, 2, func(h *house) {
		frozen := h.service(func(c *process.Config) {
			c.Client = func(opts ...kgo.Opt) (*kgo.Client, error) {
				return h.dial(append(opts, kgo.ClientID("frozen"))...)
			}
		})
		h.run(frozen, counter("count"))
		keys := numbers(0, 20)
		h.produce("in", keys...)
		h.read("out", 20)
		hold := h.node.Inject(evidenttest.RequestFault{Client: "frozen", Do: evidenttest.Hold})
		h.produce("in", keys...)
		h.run(h.service(), counter("count"))
		h.read("out", 40) // the other has them
		hold.Remove()
		h.node.Advance(time.Minute)
		h.produce("in", keys...)
		h.once(h.read("out", 60), counts(keys, 3))
	})
}

func TestRecordsThatWereRemovedArePassedOverAndSaid(t *testing.T) {
	virtual(t, 1, func(h *house) {
		h.produce("in", numbers(0, 10)...)
		stop := h.run(h.service(), identity("gap", 1))
		h.read("out", 10)
		stop()
		h.produce("in", numbers(10, 30)...)
		req := kmsg.NewPtrDeleteRecordsRequest()
		topic := kmsg.NewDeleteRecordsRequestTopic()
		topic.Topic = "in"
		part := kmsg.NewDeleteRecordsRequestTopicPartition()
		part.Offset = 20
		topic.Partitions = append(topic.Partitions, part)
		req.Topics, req.TimeoutMillis = append(req.Topics, topic), 10_000
		if _, err := req.RequestWith(h.Context(), h.client); err != nil {
			t.Fatal(err)
		}
		h.run(h.service(), identity("gap", 1))
		h.once(h.read("out", 20), append(numbers(0, 10), numbers(20, 30)...))
	})
}

func TestAProcessorBeginsWhereItIsTold(t *testing.T) {
	virtual(t, 1, func(h *house) {
		past := time.Now().Add(-time.Hour)
		for i := range 10 {
			r := &kgo.Record{Topic: "in", Value: fmt.Append(nil, i), Timestamp: past.Add(time.Duration(i) * time.Minute)}
			if err := h.client.ProduceSync(h.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		p := identity("from", 1)
		p.From = process.Start{Time: past.Add(4*time.Minute + time.Second)}
		h.run(h.service(), p)
		h.once(h.read("out", 5), numbers(5, 10))
	})
}
