package erasure

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/ledger/opening"
)

// copying is a log in which somebody copies the first records that are erased to a
// dead-letter topic, just before they go.
type copying struct {
	client *kgo.Client
	copies int
}

func (c *copying) Announce(Part) error { return nil }
func (c *copying) Withdraw(Part) error { return nil }

func (c *copying) Destroy(ctx context.Context, p Part) (Part, error) {
	if c.copies == 0 {
		return p, nil
	}
	c.copies--
	r := &kgo.Record{Topic: "dlq.people", Value: []byte("copy"), Headers: []kgo.RecordHeader{
		{Key: deadTopic, Value: []byte(p.Topic)},
		{Key: deadPartition, Value: []byte("0")},
		{Key: deadOffset, Value: fmt.Append(nil, p.Offsets[0].First)},
	}}
	return p, c.client.ProduceSync(ctx, r).FirstErr()
}

// A copy that was made while its record was erased goes, too, and so do copies of it.
func TestCopiesThatAreMadeMeanwhileAreErased(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "people", "dlq.people"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	for range 3 {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "people", Value: []byte("here")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	records := &copying{client: client, copies: 2}
	e := &Eraser{
		Planner: Planner{&opening.Reader{Client: client}}, Ledger: startLedger(t), Log: records, Logger: slog.New(slog.DiscardHandler),
	}
	for _, dry := range []bool{true, false} {
		result, err := e.Erase(t.Context(), Request{Records: []string{"people/0@1"}, DryRun: dry}, "User:admin")
		if err != nil {
			t.Fatal(err)
		}
		var got string
		for _, d := range result.Erased {
			got += fmt.Sprintf("%s@%s %s of %q; ", d.Topic, d.Offsets, d.Records, d.CopyOf)
		}
		want := `people@1 planned of ""; `
		if !dry {
			want = `people@1 destroyed of ""; dlq.people@0 destroyed of "people"; dlq.people@1 destroyed of "dlq.people"; `
		}
		if got != want {
			t.Errorf("erased was %s want %s", got, want)
		}
	}
}
