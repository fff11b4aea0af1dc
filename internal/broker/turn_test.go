package broker

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/log/batch"
)

// large is a request that is larger than all requests together may be in these
// tests.
func large() kmsg.Request {
	req := kmsg.NewPtrMetadataRequest()
	req.Version = 9
	for i := range 20_000 {
		name := fmt.Sprint("topic-", i)
		req.Topics = append(req.Topics, kmsg.MetadataRequestTopic{Topic: &name})
	}
	return req
}

func smallBudget(cfg *Config) { cfg.QueuedRequestBytes = 1 << 20 }

// What is not answered for an hour must not have what others need: a request
// behind it is not read before its turn.
func TestARequestBehindOneThatWaitsHoldsNoMemory(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		topic := s.topic("t", 1)
		waits := fetchRequest(12, topic, 0)
		waits.MaxWaitMillis, waits.MinBytes, waits.SessionEpoch = int32(time.Hour/time.Millisecond), 1, -1
		c, other := s.piped("raw"), s.piped("other")
		c.send(waits)
		go c.Write(bytesOf(large()))
		synctest.Wait()
		if free := s.budget.mu.free; free != s.cfg.QueuedRequestBytes {
			t.Errorf("%d bytes are charged", s.cfg.QueuedRequestBytes-free)
		}
		if d := took(func() { other.produceBytes(topic, 100) }); d > time.Second {
			t.Errorf("another client waited %v", d)
		}
		receive[*kmsg.FetchResponse](c, waits, 1)
		receive[*kmsg.MetadataResponse](c, large(), 1)
	}, smallBudget)
}

// The same of a client that has used up its quota.
func TestARequestOfAMutedClientHoldsNoMemory(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		s.piped("admin").setQuota("controller_mutation_rate", 1, "client-id", "raw")
		create := createRequest(newTopic("t", 100, 1), newTopic("refused", 1, 1))
		c, other := s.piped("raw"), s.piped("other")
		go c.Write(append(bytesOf(create), bytesOf(large())...))
		if ms := receive[*kmsg.CreateTopicsResponse](c, create, 1).ThrottleMillis; ms < 80_000 {
			t.Fatalf("throttled for %d ms", ms)
		}
		synctest.Wait()
		if d := took(func() { ask[*kmsg.MetadataResponse](other, large()) }); d > time.Second {
			t.Errorf("another client waited %v", d)
		}
		if d := took(func() { receive[*kmsg.MetadataResponse](c, large(), 1) }); d < 80*time.Second {
			t.Errorf("the muted client was answered after %v", d)
		}
	}, smallBudget)
}

// Records do not wait for the answers before theirs.
func TestRecordsAreAppendedBehindARequestThatWaits(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		topic := s.topic("t", 1)
		waits := fetchRequest(12, topic, 1)
		waits.MaxWaitMillis, waits.MinBytes, waits.SessionEpoch = int32(time.Hour/time.Millisecond), 1, -1
		c := s.piped("raw")
		c.send(waits, produceRequest(9, -1, topic, records(t, batch.Head{}, "a")))
		synctest.Wait()
		if n := topic.Partition(0).HighWatermark(); n != 1 {
			t.Errorf("%d records, want 1", n)
		}
	})
}

// What waits for its turn is let go with its connection.
func TestARequestThatWaitsForItsTurnEndsWithTheBroker(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		waits := fetchRequest(12, s.topic("t", 1), 0)
		waits.MaxWaitMillis, waits.MinBytes, waits.SessionEpoch = int32(time.Hour/time.Millisecond), 1, -1
		c := s.piped("raw")
		c.send(waits)
		go c.Write(bytesOf(kmsg.NewPtrApiVersionsRequest()))
		synctest.Wait()
		if d := took(s.Close); d > time.Second {
			t.Errorf("closing took %v", d)
		}
		if n := testutil.ToFloat64(s.metrics.connections); n != 0 {
			t.Errorf("%v connections are left", n)
		}
	})
}
