package produce_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/config"
	"github.com/evidentlog/evident/internal/engine/cluster"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/produce"
)

// newCluster starts a cluster with the empty topic "t" of one partition.
func newCluster(t *testing.T, in io.Reader) (*kfake.Cluster, tool.Env, *bytes.Buffer) {
	t.Helper()
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	out := &bytes.Buffer{}
	return fake, tool.Env{
		In: in, Out: out, Err: io.Discard,
		Cluster: config.Client{Config: cluster.Config{Brokers: fake.ListenAddrs()}, Timeout: time.Second},
	}, out
}

func fromLines() produce.Produce {
	return produce.Produce{Format: "lines", Partition: -1, Compression: "none", Acks: "all"}
}

func TestInterruptEndsASilentInputAndKeepsWhatWasRead(t *testing.T) {
	in, typed := io.Pipe()
	_, env, out := newCluster(t, in)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = typed.Write([]byte("a\nb\n"))
		_, _ = typed.Write([]byte("c")) // read once "b" is on its way, and then nothing comes
		cancel()
	}()
	if err := fromLines().Run(ctx, env, "t", nil); err != nil {
		t.Fatal(err)
	}
	_ = typed.Close() // the reader of the silent input ends with it
	if got := out.String(); got != "produced 2 records to t\n" {
		t.Errorf("printed %q", got)
	}
}

func TestUnansweredRecordsAreAnErrorAfterTheTimeout(t *testing.T) {
	fake, env, _ := newCluster(t, strings.NewReader("a\n"))
	silent := make(chan struct{})
	t.Cleanup(func() { close(silent) })
	fake.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		fake.SleepControl(func() { <-silent })
		return nil, nil, true
	})
	err := fromLines().Run(t.Context(), env, "t", nil)
	if err == nil || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "record 1 was not acknowledged within 1s") {
		t.Errorf("got %v", err)
	}
}
