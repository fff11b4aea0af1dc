package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestRecordsComeBackInOrder(t *testing.T) {
	s := start(t)
	s.create(3, nil, "orders")
	var want []string
	c := s.client(kgo.ConsumeTopics("orders"), kgo.DefaultProduceTopic("orders"))
	for i := range 100 {
		want = append(want, fmt.Sprintf("order-%03d", i))
	}
	s.produce(c, "orders", want...)
	got := consume(t, c, len(want))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got %d records %v", len(got), got)
	}
}

func TestEveryCompression(t *testing.T) {
	s := start(t)
	for name, codec := range map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	} {
		s.create(1, nil, name)
		c := s.client(kgo.ProducerBatchCompression(codec), kgo.ConsumeTopics(name))
		want := strings.Repeat(name, 1000)
		s.produce(c, name, want)
		if got := consume(t, c, 1); got[0] != want {
			t.Errorf("%s: got %d bytes, want %d", name, len(got[0]), len(want))
		}
	}
}

func TestAcksOneAndNone(t *testing.T) {
	s := start(t)
	s.create(1, nil, "t")
	for _, acks := range []kgo.Acks{kgo.LeaderAck(), kgo.NoAck()} {
		s.produce(s.client(kgo.RequiredAcks(acks), kgo.DisableIdempotentWrite()), "t", "x")
	}
	consume(t, s.client(kgo.ConsumeTopics("t")), 2)
}

func TestTopicsAreCreatedOnDemandOnlyIfAllowed(t *testing.T) {
	allowed := start(t)
	c := allowed.client(kgo.AllowAutoTopicCreation(), kgo.ConsumeTopics("made"))
	allowed.produce(c, "made", "x")
	consume(t, c, 1)

	refused := start(t, func(c *Config) { c.AutoCreateTopics = false })
	c = refused.client(kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(0))
	err := c.ProduceSync(t.Context(), &kgo.Record{Topic: "made"}).FirstErr()
	if !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Errorf("got %v", err)
	}
}

func TestRecordsOutliveTheBroker(t *testing.T) {
	s := start(t)
	s.create(2, nil, "t")
	s.produce(s.client(), "t", "a", "b", "c")
	s.stop()
	s = startOn(t, s.fs)
	c := s.client(kgo.ConsumeTopics("t"))
	if got := consume(t, c, 3); len(got) != 3 {
		t.Errorf("got %v", got)
	}
}

// A consumer that waits hears of new records at once, not when its wait ends.
func TestWaitingConsumerIsWoken(t *testing.T) {
	s := start(t)
	s.create(1, nil, "t")
	c := s.client(kgo.ConsumeTopics("t"), kgo.FetchMaxWait(time.Minute))
	p := s.client()
	for i := range 20 {
		s.produce(p, "t", fmt.Sprint(i))
		if got := consume(t, c, 1); got[0] != fmt.Sprint(i) {
			t.Fatalf("got %v, want %d", got, i)
		}
	}
}

func TestConsumerGroupSharesAndRemembers(t *testing.T) {
	s := start(t)
	s.create(4, nil, "t")
	// The client's first fetch may be for some partitions only; it must not wait for long.
	group := []kgo.Opt{kgo.ConsumerGroup("g"), kgo.ConsumeTopics("t"), kgo.DisableAutoCommit(), kgo.FetchMaxWait(50 * time.Millisecond)}
	a := s.client(group...)
	s.produce(a, "t", "1", "2", "3", "4", "5", "6", "7", "8")
	consume(t, a, 8)
	if err := a.CommitUncommittedOffsets(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.LeaveGroupContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := s.client(group...)
	s.produce(b, "t", "9")
	if got := consume(t, b, 1); got[0] != "9" {
		t.Errorf("got %v", got)
	}
	groups, err := s.admin().DescribeGroups(t.Context(), "g")
	if err != nil || groups["g"].State != "Stable" || len(groups["g"].Members) != 1 {
		t.Errorf("got %+v, %v", groups["g"], err)
	}
}

// A connection need not be a network connection.
func TestInProcessConnection(t *testing.T) {
	s := start(t)
	dial := func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go s.ServeConn(context.Background(), server, s.info)
		return client, nil
	}
	c := s.client(kgo.Dialer(dial), kgo.AllowAutoTopicCreation(), kgo.ConsumeTopics("t"))
	s.produce(c, "t", "x", strings.Repeat("y", 500_000))
	consume(t, c, 2)
}

func TestManyConsumersOfBigBatches(t *testing.T) {
	s := start(t)
	s.create(3, nil, "t")
	p := s.client(kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	big := strings.Repeat("x", 300_000)
	for range 10 {
		s.produce(p, "t", big, big, big)
	}
	for range 3 {
		for _, v := range consume(t, s.client(kgo.ConsumeTopics("t"), kgo.FetchMaxPartitionBytes(400_000)), 30) {
			if v != big {
				t.Fatalf("a record has %d bytes, want %d", len(v), len(big))
			}
		}
	}
}

func consumeTopic(name string) kgo.Opt { return kgo.ConsumeTopics(name) }
