package conformance

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// quotaWindow is over how long Kafka counts a rate at least.
const quotaWindow = 10 * time.Second

// limited is a connection to the leader of the topic, of a client with a quota that
// all nodes know.
func limited(t *testing.T, topic, quota string, rate float64) *conn {
	t.Helper()
	c := dial(t, leader(t, topic, 0))
	c.client = name(t, "client")
	setQuota(t, c.client, quota, rate)
	req := kmsg.NewPtrDescribeClientQuotasRequest()
	component := kmsg.NewDescribeClientQuotasRequestComponent()
	component.EntityType, component.MatchType, component.Match = "client-id", 0, &c.client
	req.Components = append(req.Components, component)
	for _, address := range peer.addresses {
		eventually(t, func() error {
			if len(ask[*kmsg.DescribeClientQuotasResponse](t, address, req, 1).Entries) == 0 {
				return errors.New("the quota is not known yet")
			}
			return nil
		})
	}
	return c
}

// setQuota limits a client id, until the test is over.
func setQuota(t *testing.T, client, quota string, rate float64) {
	t.Helper()
	req := kmsg.NewPtrAlterClientQuotasRequest()
	req.Entries = []kmsg.AlterClientQuotasRequestEntry{{
		Entity: []kmsg.AlterClientQuotasRequestEntryEntity{{Type: "client-id", Name: &client}},
		Ops:    []kmsg.AlterClientQuotasRequestEntryOp{{Key: quota, Value: rate}},
	}}
	wantCode(t, quota, ask[*kmsg.AlterClientQuotasResponse](t, peer.addresses[0], req, 1).Entries[0].ErrorCode, nil)
	t.Cleanup(func() {
		req.Entries[0].Ops[0].Remove = true
		wantCode(t, "removing "+quota, ask[*kmsg.AlterClientQuotasResponse](t, peer.addresses[0], req, 1).Entries[0].ErrorCode, nil)
	})
}

// wantMuted fails the test unless the connection answers its next request when the
// time is over that it was told to wait, and another one at once. Since is when it
// sent the request that was too much.
func (c *conn) wantMuted(since time.Time, wait time.Duration) {
	c.t.Helper()
	other := dial(c.t, c.conn.RemoteAddr().String())
	other.do(newApiVersions(), 3)
	if took := time.Since(since); took > wait*3/4 {
		c.t.Errorf("another connection was answered after %v", took)
	}
	c.do(newApiVersions(), 3)
	if took := time.Since(since); took < wait-wait/10 {
		c.t.Errorf("the next request was answered after %v, want %v", took, wait)
	}
}

// KIP-219: the answer comes at once and tells how long the connection is muted.
func TestAProducerOverItsQuotaIsToldAndMuted(t *testing.T) {
	const rate, size = 20_000, 250_000
	topic := newTopic(t, 1)
	c := limited(t, topic, "producer_byte_rate", rate)
	began := time.Now()
	resp := c.do(produceRequest(topic, 0, -1, of(strings.Repeat("x", size)).bytes()), 9).(*kmsg.ProduceResponse)
	took := time.Since(began)
	wantCode(t, "produce", resp.Topics[0].Partitions[0].ErrorCode, nil)
	told := time.Duration(resp.ThrottleMillis) * time.Millisecond
	wantAbout(t, told, size*time.Second/rate-quotaWindow)
	if took > told {
		t.Errorf("the answer came after %v, which tells to wait for %v", took, told)
	}
	c.wantMuted(began, told)
}

// wantAbout fails the test if a client was told to wait too long or too short.
// Headers count, and so does the part of a window that is over.
func wantAbout(t *testing.T, told, want time.Duration) {
	t.Helper()
	if told < want/2 || told > want*3/2 {
		t.Errorf("told to wait for %v, want about %v", told, want)
	}
}

// A consumer over its quota gets nothing but the time to wait, and what it asked for
// afterwards.
func TestAConsumerOverItsQuotaIsToldAndMuted(t *testing.T) {
	const rate, size, fitting = 20_000, 90_000, 2
	c, topic := newLog(t)
	for range fitting + 1 {
		c.mustProduce(topic, of(strings.Repeat("x", size)))
	}
	c = limited(t, topic, "consumer_byte_rate", rate)
	fetch := func(offset int64) (records int, told time.Duration) {
		req := fetchRequest(topic, offset)
		req.MaxBytes = size // less than a batch, so each comes alone
		resp := c.do(req, 12).(*kmsg.FetchResponse)
		for _, rt := range resp.Topics {
			wantCode(t, "fetch", rt.Partitions[0].ErrorCode, nil)
			records += len(offsetsOf(rt.Partitions[0].RecordBatches))
		}
		return records, time.Duration(resp.ThrottleMillis) * time.Millisecond
	}
	for offset := range int64(fitting) {
		if n, told := fetch(offset); n != 1 || told != 0 {
			t.Fatalf("%d records at offset %d, told to wait for %v", n, offset, told)
		}
	}
	began := time.Now()
	n, told := fetch(fitting)
	if n != 0 {
		t.Errorf("%d records, want none yet", n)
	}
	wantAbout(t, told, (fitting+1)*size*time.Second/rate-quotaWindow)
	c.wantMuted(began, told)
	eventually(t, func() error {
		if n, told = fetch(fitting); n != 1 {
			return errors.New("there is no record yet")
		}
		return nil
	})
}

// KIP-599: who makes too many partitions is refused from version 6 on, and waits in
// all.
func TestMakingTooManyPartitionsIsRefused(t *testing.T) {
	const rate, burst = 1, 11
	c := limited(t, newTopic(t, 1), "controller_mutation_rate", rate)
	create := func(what string, version int16) (code int16, told time.Duration) {
		req := kmsg.NewPtrCreateTopicsRequest()
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name(t, what), burst+3, 1
		req.Topics = append(req.Topics, topic)
		resp := c.do(req, version).(*kmsg.CreateTopicsResponse)
		if code = resp.Topics[0].ErrorCode; code == 0 {
			t.Cleanup(func() { deleteTopic(t, topic.Topic) })
		}
		return code, time.Duration(resp.ThrottleMillis) * time.Millisecond
	}
	first, _ := create("first", 6)
	wantCode(t, "with tokens left", first, nil)
	began := time.Now()
	refused, told := create("second", 6)
	wantCode(t, "without", refused, kerr.ThrottlingQuotaExceeded)
	if told <= 0 {
		t.Errorf("told to wait for %v", told)
	}
	c.wantMuted(began, told)
}
