package evidenttest_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/node"
)

func TestRecordsGoThroughANode(t *testing.T) {
	ctx := t.Context()
	n := evidenttest.Start(t)
	producer := n.Client(kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic("orders"))
	for i := range 100 {
		if err := producer.ProduceSync(ctx, kgo.StringRecord(fmt.Sprint(i))).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	consumer := n.Client(kgo.ConsumeTopics("orders"), kgo.ConsumerGroup("readers"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	for got := 0; got < 100; {
		fetches := consumer.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if string(r.Value) != fmt.Sprint(got) {
				t.Fatalf("record %d is %q", got, r.Value)
			}
			got++
		})
	}
	if err := consumer.CommitUncommittedOffsets(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestListenerServesClientsBeyondTheProcess(t *testing.T) {
	n := evidenttest.Start(t, evidenttest.Listen())
	c, err := kgo.NewClient(kgo.SeedBrokers(n.KafkaAddress()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkStartStop is what a node costs a test. It reports the median of 100.
func BenchmarkStartStop(b *testing.B) {
	for b.Loop() {
		took := make([]time.Duration, 100)
		for i := range took {
			began := time.Now()
			n, err := node.Start(b.Context(), evidenttest.Config())
			if err == nil {
				err = n.Close()
			}
			if err != nil {
				b.Fatal(err)
			}
			took[i] = time.Since(began)
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[50].Microseconds())/1000, "median-ms")
	}
}
