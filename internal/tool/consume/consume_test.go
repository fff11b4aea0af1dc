package consume_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/config"
	"github.com/evidentlog/evident/internal/engine/cluster"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/consume"
)

// newCluster starts a cluster with the empty topic "t" of one partition.
func newCluster(t *testing.T) (*kfake.Cluster, tool.Env) {
	t.Helper()
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	return fake, tool.Env{
		Out: &bytes.Buffer{}, Err: &bytes.Buffer{},
		Cluster: config.Client{Config: cluster.Config{Brokers: fake.ListenAddrs()}, Timeout: time.Second},
	}
}

func TestMissingRecordsBeforeTheEndAreAnErrorAndNotAWaitForEver(t *testing.T) {
	fake, env := newCluster(t)
	// The last records are gone: the partition ends at 7 and holds none.
	fake.ControlKey(int16(kmsg.ListOffsets), func(request kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		asked := request.(*kmsg.ListOffsetsRequest).Topics[0]
		response := request.ResponseKind().(*kmsg.ListOffsetsResponse)
		topic := kmsg.NewListOffsetsResponseTopic()
		topic.Topic = asked.Topic
		partition := kmsg.NewListOffsetsResponseTopicPartition()
		if asked.Partitions[0].Timestamp == -1 {
			partition.Offset = 7
		} else {
			partition.Offset = 0
		}
		topic.Partitions = append(topic.Partitions, partition)
		response.Topics = append(response.Topics, topic)
		return response, nil, true
	})
	err := consume.Consume{Offset: "start", Format: "text", StopAtEnd: true}.Run(t.Context(), env, []string{"t"})
	const want = "t/0 ends before offset 7, but no more of its records came within 1s"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestInterruptIsNoError(t *testing.T) {
	for _, group := range []string{"", "g"} {
		_, env := newCluster(t)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if err := (consume.Consume{Offset: "start", Format: "text", Group: group}).Run(ctx, env, []string{"t"}); err != nil {
			t.Errorf("group %q: %v", group, err)
		}
	}
}
