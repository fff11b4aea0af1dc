package broker

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/auth"
	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/broker/quota"
	"github.com/evidentlog/evident/internal/log/batch"
)

// produceBytes sends about n bytes to partition 0 and returns the throttle time.
func (r *raw) produceBytes(topic *metadata.Topic, n int) time.Duration {
	r.t.Helper()
	resp := ask[*kmsg.ProduceResponse](r, produceRequest(9, -1, topic, records(r.t, batch.Head{}, strings.Repeat("x", n))))
	if err := kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode); err != nil {
		r.t.Fatal(err)
	}
	return time.Duration(resp.ThrottleMillis) * time.Millisecond
}

// took is how long f takes.
func took(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}

// A producer over its quota hears so at once, and its connection rests for as long
// as it was told; other clients go on.
func TestProducersOverTheirQuotaAreMuted(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		topic := s.topic("t", 1)
		c, other := s.piped("raw"), s.piped("other")
		s.piped("admin").setQuota("producer_byte_rate", 1000, "client-id", "raw")
		if wait := c.produceBytes(topic, 9000); wait != 0 {
			t.Errorf("below the quota: wait %v", wait)
		}
		var wait time.Duration
		if d := took(func() { wait = c.produceBytes(topic, 2000) }); d > 100*time.Millisecond {
			t.Errorf("the answer came after %v", d)
		}
		if wait < 900*time.Millisecond || wait > 1300*time.Millisecond { // 11 KB and headers in 10 s
			t.Errorf("told to wait %v", wait)
		}
		if d := took(func() { other.produceBytes(topic, 9000) }); d > 100*time.Millisecond {
			t.Errorf("another client waited %v", d)
		}
		metadata := kmsg.NewPtrMetadataRequest()
		metadata.Version = 9
		d := took(func() {
			if ms := ask[*kmsg.MetadataResponse](c, metadata).ThrottleMillis; ms != 0 {
				t.Errorf("metadata is throttled for %d ms", ms)
			}
		})
		if d > wait || d < wait-100*time.Millisecond {
			t.Errorf("the next answer came after %v, want %v", d, wait)
		}
		if d := took(func() { ask[*kmsg.MetadataResponse](c, metadata) }); d > time.Millisecond {
			t.Errorf("the one after it came after %v", d)
		}
		if n := testutil.ToFloat64(s.metrics.throttled[quota.ProducerBytes]); n != wait.Seconds() {
			t.Errorf("%v s are counted, want %v", n, wait.Seconds())
		}
	})
}

// Without acknowledgements the producer cannot be told, but waits all the same.
func TestProducersWithoutAcksAreMuted(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		topic := s.topic("t", 1)
		c := s.piped("raw")
		s.piped("admin").setQuota("producer_byte_rate", 1000, "user", "")
		c.send(produceRequest(9, 0, topic, records(t, batch.Head{}, strings.Repeat("x", 15000))))
		if d := took(func() { c.produceBytes(topic, 1) }); d < 4*time.Second {
			t.Errorf("the next request was answered after %v", d)
		}
		if n := topic.Partition(0).HighWatermark(); n != 2 {
			t.Errorf("%d records, want 2", n)
		}
	})
}

// A consumer over its quota gets nothing but the time to wait, and then what it
// asked for; in a session it misses nothing.
func TestConsumersOverTheirQuotaWait(t *testing.T) {
	for name, session := range map[string]bool{"session": true, "no session": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *server) {
				topic := s.topic("t", 1)
				s.append(topic, 0, strings.Repeat("x", 6000))
				s.append(topic, 0, strings.Repeat("y", 6000))
				s.piped("admin").setQuota("consumer_byte_rate", 1000, "client-id", "", "user", "ANONYMOUS")
				c := s.piped("raw")
				first := fetchRequest(12, topic, 0)
				first.MaxBytes, first.SessionEpoch = 8000, -1
				if session {
					first.SessionEpoch = 0
				}
				full := ask[*kmsg.FetchResponse](c, first)
				if full.ThrottleMillis != 0 || len(full.Topics) != 1 || (full.SessionID != 0) != session {
					t.Fatalf("the first fetch: %+v", full)
				}
				next := fetchRequest(12, topic, 1)
				next.MaxBytes, next.SessionID, next.SessionEpoch = 8000, full.SessionID, first.SessionEpoch
				if session {
					next.SessionEpoch = 1
				}
				none := ask[*kmsg.FetchResponse](c, next)
				wait := time.Duration(none.ThrottleMillis) * time.Millisecond
				if len(none.Topics) > 0 || wait < 4*time.Second || wait > 5*time.Second || none.SessionID != full.SessionID {
					t.Fatalf("over the quota: %+v", none)
				}
				time.Sleep(11 * time.Second) // until the first fetch is forgotten
				if session {
					next.Topics, next.SessionEpoch = nil, 2
				}
				if got := ask[*kmsg.FetchResponse](c, next); got.ThrottleMillis != 0 || len(got.Topics) != 1 || len(got.Topics[0].Partitions[0].RecordBatches) < 6000 {
					t.Errorf("afterwards: %+v", got)
				}
			})
		})
	}
}

// A session that a throttled answer would establish is none: clients take it so.
func TestAThrottledFetchEstablishesNoSession(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		topic := s.topic("t", 1)
		s.append(topic, 0, strings.Repeat("x", 6000))
		s.piped("admin").setQuota("consumer_byte_rate", 1000, "client-id", "raw")
		for i := range 2 {
			req := fetchRequest(12, topic, 0)
			req.MaxBytes, req.SessionEpoch = 1<<20, 0
			resp := ask[*kmsg.FetchResponse](s.piped("raw"), req)
			if throttled := resp.ThrottleMillis > 0; throttled != (i == 1) || throttled != (resp.SessionID == 0) {
				t.Errorf("fetch %d: throttled for %d ms, session %d", i, resp.ThrottleMillis, resp.SessionID)
			}
		}
		if n := s.sessions.count(); n != 1 {
			t.Errorf("%v sessions, want that of the first fetch", n)
		}
	})
}

// A batch that is larger than all windows allow is delivered all the same.
func TestAQuotaBelowOneBatchDelaysItOnly(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		topic := s.topic("t", 1)
		s.append(topic, 0, strings.Repeat("x", 50_000))
		s.append(topic, 0, strings.Repeat("y", 50_000))
		s.piped("admin").setQuota("consumer_byte_rate", 1000, "client-id", "raw")
		c := s.piped("raw")
		d := took(func() {
			for offset := int64(0); offset < 2; {
				req := fetchRequest(12, topic, offset)
				req.MaxBytes, req.SessionEpoch = 1<<20, -1
				if resp := ask[*kmsg.FetchResponse](c, req); len(resp.Topics) > 0 {
					offset++
				}
			}
		})
		if d < 30*time.Second || d > 2*time.Minute {
			t.Errorf("100 KB at 1 KB/s took %v", d)
		}
	})
}

// Requests that are queued already wait too, and closing the broker ends that.
func TestMutedConnectionsAnswerNothingAndCanBeClosed(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		topic := s.topic("t", 1)
		s.piped("admin").setQuota("producer_byte_rate", 1, "client-id", "raw")
		c := s.piped("raw")
		if wait := c.produceBytes(topic, 5000); wait != s.cfg.IdleTimeout { // an hour and a half, were it longer
			t.Fatalf("told to wait %v", wait)
		}
		versions := kmsg.NewPtrApiVersionsRequest()
		go c.Write(bytesOf(versions))
		c.SetReadDeadline(time.Now().Add(9 * time.Minute))
		if _, err := c.frame(); !isTimeout(err) {
			t.Errorf("a muted connection answers: %v", err)
		}
		if d := took(s.Close); d > time.Second {
			t.Errorf("closing took %v", d)
		}
	})
}

// What waits for its quota takes nothing once its client is gone.
func TestMutedConnectionsEndWithTheirClients(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		topic := s.topic("t", 1)
		s.piped("admin").setQuota("producer_byte_rate", 1, "client-id", "raw")
		c := s.piped("raw")
		c.produceBytes(topic, 5000)
		c.send(kmsg.NewPtrApiVersionsRequest())
		synctest.Wait()
		c.Close()
		synctest.Wait()
		if n := testutil.ToFloat64(s.metrics.connections); n != 1 { // that of admin
			t.Errorf("%v connections", n)
		}
	})
}

// Records that a client sent before it went away are appended, as they are without a
// quota.
func TestRecordsOfAMutedClientThatIsGoneAreAppended(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		topic := s.topic("t", 1)
		s.piped("admin").setQuota("producer_byte_rate", 1000, "client-id", "raw")
		c := s.piped("raw")
		c.send(produceRequest(9, 0, topic, records(t, batch.Head{}, strings.Repeat("x", 15000))))
		c.send(produceRequest(9, 0, topic, records(t, batch.Head{}, "last")))
		synctest.Wait()
		c.Close()
		time.Sleep(time.Minute)
		if n := topic.Partition(0).HighWatermark(); n != 2 {
			t.Errorf("%d records, want 2", n)
		}
		if n := testutil.ToFloat64(s.metrics.connections); n != 1 { // that of admin
			t.Errorf("%v connections", n)
		}
	})
}

// What a consumer waits for is not the broker's time, nor is a wait that began
// before there was a quota a credit.
func TestWaitingIsNoUseOfTheBrokersTime(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		topic := s.topic("t", 1)
		admin := s.piped("admin")
		c := s.piped("raw")
		waits := fetchRequest(12, topic, 0)
		waits.MaxWaitMillis, waits.MinBytes, waits.SessionEpoch = 5000, 1, -1
		c.send(waits)
		synctest.Wait()
		admin.setQuota("request_percentage", 1, "client-id", "raw")
		if ms := receive[*kmsg.FetchResponse](c, waits, 1).ThrottleMillis; ms != 0 {
			t.Errorf("the fetch that waited is throttled for %d ms", ms)
		}
		if ms := ask[*kmsg.FetchResponse](c, waits).ThrottleMillis; ms != 0 {
			t.Errorf("the next one for %d ms", ms)
		}
		if wait := s.meter.Use(quota.RequestPercentage, quota.Client{User: "ANONYMOUS", ClientID: "raw"}, 11, time.Now()); wait == 0 {
			t.Error("the first wait was given back")
		}
	})
}

func TestAShareFetchThatWaitsIsNoUseOfTheBrokersTime(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		topic := s.topic("t", 1)
		s.piped("admin").setQuota("request_percentage", 10, "client-id", "raw")
		c := s.piped("raw")
		member := "AAAAAAAAAAAAAAAAAAAAAA"
		join := kmsg.NewPtrShareGroupHeartbeatRequest()
		join.Version, join.GroupID, join.MemberID, join.SubscribedTopicNames = 1, "g", member, []string{"t"}
		for joined := false; !joined; time.Sleep(time.Second) {
			resp := ask[*kmsg.ShareGroupHeartbeatResponse](s.piped("other"), join)
			joined, join.MemberEpoch = resp.Assignment != nil && len(resp.Assignment.TopicPartitions) > 0, resp.MemberEpoch
		}
		fetch := kmsg.NewPtrShareFetchRequest()
		fetch.Version, fetch.GroupID, fetch.MemberID = 1, &join.GroupID, &member
		fetch.MaxWaitMillis, fetch.MinBytes, fetch.MaxBytes, fetch.MaxRecords, fetch.BatchSize = 30_000, 1, 1<<20, 10, 10
		fetch.Topics = []kmsg.ShareFetchRequestTopic{{TopicID: topic.ID, Partitions: []kmsg.ShareFetchRequestTopicPartition{{Partition: 0}}}}
		d := took(func() {
			if resp := ask[*kmsg.ShareFetchResponse](c, fetch); resp.ErrorCode != 0 || resp.ThrottleMillis != 0 {
				t.Errorf("got %+v", resp)
			}
		})
		if d < 29*time.Second {
			t.Errorf("it waited %v", d)
		}
	})
}

func TestTheBrokersTimeHasAQuota(t *testing.T) {
	s := start(t)
	s.dial().setQuota("request_percentage", 1e-9, "client-id", "raw")
	topic := s.topic("t", 1)
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.Version = 9
	for what, ms := range map[string]int32{
		"handled":      ask[*kmsg.MetadataResponse](s.dial(), metadata).ThrottleMillis,
		"started":      ask[*kmsg.ListGroupsResponse](s.dial(), &kmsg.ListGroupsRequest{Version: 4}).ThrottleMillis,
		"produce":      ask[*kmsg.ProduceResponse](s.dial(), produceRequest(9, -1, topic, records(t, batch.Head{}, "a"))).ThrottleMillis,
		"fetch":        ask[*kmsg.FetchResponse](s.dial(), fetchRequest(12, topic, 0)).ThrottleMillis,
		"api versions": ask[*kmsg.ApiVersionsResponse](s.dial(), &kmsg.ApiVersionsRequest{Version: 2}).ThrottleMillis,
	} {
		if ms != 1000 { // never more than a window
			t.Errorf("%s: throttled for %d ms, want 1000", what, ms)
		}
	}
}

func TestTopicChangesHaveAQuota(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		s.topic("there", 5)
		s.piped("admin").setQuota("controller_mutation_rate", 1, "user", "ANONYMOUS")
		c := s.piped("raw")
		create := createRequest(newTopic("a", 11, 1), newTopic("b", 4, 1), newTopic("invalid", 0, 1), newTopic("c", 1, 1))
		resp := ask[*kmsg.CreateTopicsResponse](c, create)
		got := make(map[string]error)
		for _, rt := range resp.Topics {
			got[rt.Topic] = kerr.ErrorForCode(rt.ErrorCode)
		}
		if got["a"] != nil || got["b"] != nil || got["c"] != error(kerr.ThrottlingQuotaExceeded) || got["invalid"] != error(kerr.InvalidPartitions) || resp.ThrottleMillis != 4000 {
			t.Errorf("got %v, throttled for %d ms", got, resp.ThrottleMillis)
		}
		grow := kmsg.NewPtrCreatePartitionsRequest()
		grow.Topics = []kmsg.CreatePartitionsRequestTopic{{Topic: "there", Count: 7}}
		for _, c := range []struct {
			version int16
			want    error
		}{{3, kerr.ThrottlingQuotaExceeded}, {2, nil}} {
			grow.Version = c.version
			resp := ask[*kmsg.CreatePartitionsResponse](s.piped("raw"), grow)
			if got := kerr.ErrorForCode(resp.Topics[0].ErrorCode); got != c.want && !(got == nil && c.want == nil) || resp.ThrottleMillis < 4000 {
				t.Errorf("CreatePartitions version %d: %v, throttled for %d ms", c.version, got, resp.ThrottleMillis)
			}
		}
		remove := kmsg.NewPtrDeleteTopicsRequest()
		remove.Version, remove.TopicNames = 5, []string{"a"}
		if resp := ask[*kmsg.DeleteTopicsResponse](s.piped("raw"), remove); resp.Topics[0].ErrorCode != kerr.ThrottlingQuotaExceeded.Code || resp.ThrottleMillis != 6000 {
			t.Errorf("got %+v", resp)
		}
		name := "made"
		look := kmsg.NewPtrMetadataRequest()
		look.Version, look.AllowAutoTopicCreation, look.Topics = 9, true, []kmsg.MetadataRequestTopic{{Topic: &name}}
		if resp := ask[*kmsg.MetadataResponse](s.piped("raw"), look); resp.Topics[0].ErrorCode != 0 || resp.ThrottleMillis != 7000 {
			t.Errorf("got %+v", resp)
		}
	})
}

// The node's own clients are nobody's business.
func TestClientsInTheProcessHaveNoQuota(t *testing.T) {
	s := start(t)
	s.dial().setQuota("producer_byte_rate", 1, "user", "")
	for principal, limited := range map[auth.Principal]bool{auth.InProcess(): false, auth.Anonymous(): true, auth.User("in-process"): true} {
		c := &call{conn: newConn(s.Broker, nil, s.info)}
		c.conn.principal = principal
		if ms := c.use(quota.ProducerBytes, 1e6); ms > 0 != limited {
			t.Errorf("%v: muted for %d ms", principal, ms)
		}
	}
}
