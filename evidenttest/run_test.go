package evidenttest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/evidenttest"
)

// produce produces values to a topic, one after another.
func produce(t *testing.T, c *kgo.Client, topic string, values ...string) {
	t.Helper()
	for _, v := range values {
		if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte(v)}).FirstErr(); err != nil {
			t.Fatalf("producing %s to %s: %v", v, topic, err)
		}
	}
}

// makeTopic makes a topic with settings.
func makeTopic(t *testing.T, n *evidenttest.Node, name string, partitions int32, settings map[string]*string) {
	t.Helper()
	if _, err := kadm.NewClient(n.Client()).CreateTopic(t.Context(), partitions, 1, settings, name); err != nil {
		t.Fatal(err)
	}
}

// consume consumes in a goroutine of the test until the client is closed, and calls
// handle with each record before it is committed.
func consume(t *testing.T, c *kgo.Client, handle func(*kgo.Record)) {
	done := make(chan struct{})
	t.Cleanup(func() { c.Close(); <-done })
	go func() {
		defer close(done)
		for {
			fetches := c.PollFetches(context.Background())
			if fetches.IsClientClosed() {
				return
			}
			fetches.EachRecord(handle)
			if err := c.CommitUncommittedOffsets(context.Background()); errors.Is(err, kgo.ErrClientClosed) {
				return
			}
		}
	}()
}

func member(group, topic string) []kgo.Opt {
	return []kgo.Opt{
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	}
}

func TestHoursPassInMilliseconds(t *testing.T) {
	evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
		began := time.Now()
		n.Advance(3 * time.Hour)
		if passed := time.Since(began); passed != 3*time.Hour {
			t.Errorf("%v passed", passed)
		}
		produce(t, n.Client(kgo.AllowAutoTopicCreation()), "orders", "late")
		if r := n.Records("orders")[0]; r.Timestamp.Sub(began).Truncate(time.Minute) != 3*time.Hour {
			t.Errorf("the record says %v", r.Timestamp)
		}
	}, evidenttest.WithoutLedger())
}

func TestEveryRecordIsAwaited(t *testing.T) {
	evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
		makeTopic(t, n, "orders", 3, nil)
		out := n.Client(kgo.AllowAutoTopicCreation())
		c := n.Client(member("billing", "orders")...)
		consume(t, c, func(r *kgo.Record) {
			time.Sleep(time.Second)
			produce(t, out, "bills", "bill of "+string(r.Value))
		})
		for i := range 10 {
			produce(t, n.Client(), "orders", fmt.Sprint(i))
		}
		n.Await(evidenttest.Records("bills", 10))
		n.Await(evidenttest.Consumed("billing"))
		n.Never(evidenttest.Records("bills", 11))
	})
}
