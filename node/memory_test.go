package node

import (
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/vfs"
)

// Fifty processors must not take fifty times the memory that --state-memory names.
func TestProcessorsOfANodeShareTheMemoryOfTheirState(t *testing.T) {
	keeping := func(name string) Processor {
		return Processor{
			Name: name, Version: 1, Inputs: []string{"in"}, Stores: []StoreConfig{{Name: "kept"}},
			New: func(Task) Handler { return HandlerFunc(func(Step, *kgo.Record) error { return nil }) },
		}
	}
	n, err := Start(t.Context(), Config{
		FS: vfs.NewMem(), Data: "/node", Kafka: []Listener{}, HTTP: []Listener{}, Ledger: new(false), Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
		GroupInitialRebalanceDelay: -1, Processors: []Processor{keeping("one"), keeping("other")},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}()
	client, err := n.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, nil, "in"); err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); n.processors.memory.DBs() < 2; time.Sleep(time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatal("two processors run, and do not share memory")
		}
	}
}
