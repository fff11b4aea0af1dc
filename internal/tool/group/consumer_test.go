package group

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/evidenttest"
)

// A group of the consumer protocol is described with its members, and with the
// lag of what they read and of what was committed.
func TestConsumerGroupIsDescribed(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	n := evidenttest.Start(t)
	producer := n.Client(kgo.AllowAutoTopicCreation())
	if err := producer.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: []byte("a")}, &kgo.Record{Topic: "t", Value: []byte("b")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	member := n.Client(kgo.ConsumerGroup("g"), kgo.ConsumeTopics("t"), kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer()),
		kgo.ClientID("somebody"), kgo.DisableAutoCommit())
	for range 2 {
		records := member.PollRecords(ctx, 1).Records()
		if len(records) != 1 {
			t.Fatal("no record")
		}
		adm := kadm.NewClient(member)
		d, err := description(ctx, adm, "g")
		if err != nil {
			t.Fatal(err)
		}
		before := records[0].Offset
		if d.State != "Stable" || d.Balancer != "uniform" || len(d.Members) != 1 || d.TotalLag != 2-before || len(d.Partitions) != 1 {
			t.Fatalf("%+v", d)
		}
		p, m := d.Partitions[0], d.Members[0]
		if p.Topic != "t" || p.End != 2 || p.Lag != 2-before || p.ClientID != "somebody" || p.MemberID != m.ID || m.Partitions != 1 {
			t.Errorf("%+v, %+v", p, m)
		}
		if err := member.CommitRecords(ctx, records...); err != nil {
			t.Fatal(err)
		}
	}
}
