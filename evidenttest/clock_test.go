package evidenttest_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/evidenttest"
)

func TestRetentionFollowsTheTestsClock(t *testing.T) {
	evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
		hour, small := "3600000", "10000"
		makeTopic(t, n, "orders", 1, map[string]*string{"retention.ms": &hour, "segment.ms": &small})
		c := n.Client()
		produce(t, c, "orders", "old")
		n.Advance(30 * time.Minute)
		wantValues(t, n, "orders", "old")
		produce(t, c, "orders", "young")
		n.Advance(45 * time.Minute)
		wantValues(t, n, "orders", "young")
	})
}

func TestATransactionTimesOutByTheTestsClock(t *testing.T) {
	evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
		c := n.Client(kgo.AllowAutoTopicCreation(), kgo.TransactionalID("tx"), kgo.TransactionTimeout(30*time.Second))
		if err := c.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		produce(t, c, "orders", "never committed")
		produce(t, n.Client(), "orders", "waits behind it")
		began := time.Now()
		n.Await(evidenttest.Records("orders", 1))
		if took := time.Since(began); took < 29*time.Second || took > time.Minute {
			t.Errorf("the transaction was given up after %v", took)
		}
		wantValues(t, n, "orders", "waits behind it")
	})
}
