package broker

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/broker/topicconfig"
	"github.com/evidentlog/evident/internal/log/batch"
)

// withPriority is a batch of records of one priority, numbered from a value on.
func withPriority(t *testing.T, priority, from, n int) []byte {
	t.Helper()
	b := new(batch.Codecs).NewBuilder(batch.Head{})
	for i := range n {
		r := batch.Record{Timestamp: time.Now().UnixMilli(), Value: []byte(strconv.Itoa(from + i))}
		r.Headers = r.Headers.Append("priority", []byte(strconv.Itoa(priority)))
		if err := b.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// A record waits for no more records of greater priority than the group may have
// under way, however many of them keep coming.
func TestUrgentRecordsComeFirstAndStarveNobody(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		s.info = ListenerInfo{Name: "test", AdvertisedHost: "bubble", AdvertisedPort: 9092}
		topic := s.queueWithDeadLetters(1, map[string]string{topicconfig.QueuePriorityHeader: "priority"}, 5)
		const locks = 100
		err := s.store.ConfigureGroup("g", false, func(have map[string]string) (map[string]string, error) {
			have["share.partition.max.record.locks"] = strconv.Itoa(locks)
			return have, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		s.appendRaw(topic, 0, withPriority(t, 0, 0, 1)) // the one that might starve
		s.appendRaw(topic, 0, withPriority(t, 1, 1, 20))
		s.appendRaw(topic, 0, withPriority(t, 7, 21, 20))
		c, l := s.bubbled(kgo.ShareGroup("g"), kgo.ConsumeTopics("q"), kgo.ShareMaxRecords(1), kgo.ShareMaxRecordsStrict())
		defer l.sever()
		defer c.Close()
		var order []int64
		for !slices.Contains(order, 0) && len(order) < 10*locks {
			for _, r := range c.PollRecords(t.Context(), 1).Records() {
				order = append(order, r.Offset)
				r.Ack(kgo.AckAccept)
			}
			if err := c.FlushAcks(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.appendRaw(topic, 0, withPriority(t, 7, len(order), 1)) // more and more of them
		}
		if order[0] != 21 || slices.IndexFunc(order, func(o int64) bool { return 1 <= o && o <= 20 }) < 20 {
			t.Errorf("records came in the order %v", order)
		}
		if at := slices.Index(order, 0); at < 0 || at >= locks {
			t.Errorf("the first record came after %d others, of which %d may be under way", at, locks)
		}
	})
}

// Several members of a group that reads committed records get those, and each
// once, while transactions are committed and aborted.
func TestMembersGetCommittedRecordsOnly(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		s.info = ListenerInfo{Name: "test", AdvertisedHost: "bubble", AdvertisedPort: 9092}
		s.queueWithDeadLetters(2, nil, 5)
		err := s.store.ConfigureGroup("g", false, func(have map[string]string) (map[string]string, error) {
			have["share.isolation.level"] = "read_committed"
			return have, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		producer, l := s.bubbled(kgo.TransactionalID("tx"), kgo.DefaultProduceTopic("q"))
		defer l.sever()
		defer producer.Close()
		var members []*kgo.Client
		for range 2 {
			c, l := s.bubbled(kgo.ShareGroup("g"), kgo.ConsumeTopics("q"))
			defer l.sever()
			defer c.Close()
			members = append(members, c)
		}
		var want []string
		for n := range 20 {
			commit := kgo.TransactionEndTry(n%3 != 0)
			if err := producer.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			for i := range 5 {
				value := strconv.Itoa(n*5 + i)
				producer.Produce(t.Context(), kgo.StringRecord(value), nil)
				if commit {
					want = append(want, value)
				}
			}
			if err := producer.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := producer.EndTransaction(t.Context(), commit); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for idle := 0; idle < 4; idle++ {
			for _, c := range members {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				for _, r := range c.PollRecords(ctx, 10).Records() {
					got, idle = append(got, string(r.Value)), 0
					r.Ack(kgo.AckAccept)
				}
				cancel()
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("got %d records %q, want %d", len(got), got, len(want))
		}
	})
}
