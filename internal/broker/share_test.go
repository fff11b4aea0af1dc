package broker

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/vfs"
)

// queue makes a topic whose records a share group gets from the first on.
func (s *server) queue(partitions int32, topic, group string, configs ...string) {
	s.t.Helper()
	s.create(partitions, nil, topic)
	if code := s.configureGroup(group, append([]string{"share.auto.offset.reset", "earliest"}, configs...)...); code != 0 {
		s.t.Fatalf("configure group %s: %d", group, code)
	}
}

// member returns a member of a share group.
func (s *server) member(group, topic string, opts ...kgo.Opt) *kgo.Client {
	return s.client(append([]kgo.Opt{kgo.ShareGroup(group), kgo.ConsumeTopics(topic)}, opts...)...)
}

// take polls until there are n records.
func take(t testing.TB, c *kgo.Client, n int) []*kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var all []*kgo.Record
	for len(all) < n {
		fetches := c.PollRecords(ctx, n-len(all))
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %d of %d records: %v", len(all), n, err)
		}
		all = append(all, fetches.Records()...)
	}
	return all
}

func values(records []*kgo.Record) []string {
	var all []string
	for _, r := range records {
		all = append(all, string(r.Value))
	}
	slices.Sort(all)
	return all
}

func numbered(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("%04d", i))
	}
	return all
}

func TestAShareGroupGetsEachRecordOnceAndRemembersItAfterARestart(t *testing.T) {
	mem := vfs.NewMem()
	s := startOn(t, mem)
	s.queue(3, "orders", "g")
	s.produce(s.client(), "orders", numbered(100)...)
	c := s.member("g", "orders")
	got := take(t, c, 60)
	for _, r := range got {
		if r.DeliveryCount() != 1 {
			t.Errorf("%s was delivered %d times", r.Value, r.DeliveryCount())
		}
		r.Ack(kgo.AckAccept)
	}
	if err := c.FlushAcks(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Close()
	s.stop()
	s = startOn(t, mem)
	c = s.member("g", "orders")
	got = append(got, take(t, c, 40)...)
	if !slices.Equal(values(got), numbered(100)) {
		t.Errorf("got %q", values(got))
	}
}
