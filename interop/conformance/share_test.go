package conformance

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// lockMillis is the shortest lock that groups may ask for by default.
const lockMillis = "15000"

func TestEachRecordIsAcquiredByOneMember(t *testing.T) {
	log, topic, group := newShared(t)
	first, second := newSharer(t, group, topic), newSharer(t, group, topic)
	log.mustProduce(topic, of("a", "b", "c"))
	first.want("what there is", "0-2x1")
	second.want("what another has", "")
	second.wantAck("what another has", "INVALID_RECORD_STATE", 0, 0, accept)
	first.wantAck("accepted", "NONE", 0, 1, accept)
	wantLag(t, group, topic, 2, 1)
	first.wantAck("accepted again", "NONE", 0, 1, accept) // it lies before the start
	first.wantAck("the rest", "NONE", 2, 2, accept)
	first.want("what is accepted", "")
	log.mustProduce(topic, of("d"))
	second.want("what is new", "3-3x1")
	second.wantAck("by its own", "NONE", 3, 3, accept)
	wantLag(t, group, topic, 4, 0)
}

func TestAcknowledgementsComeWithAFetch(t *testing.T) {
	log, topic, group := newShared(t)
	m := newSharer(t, group, topic)
	log.mustProduce(topic, of("a", "b"))
	m.want("what there is", "0-1x1")
	log.mustProduce(topic, of("c"))
	req := m.fetchRequest()
	req.Topics = fetchAcks(m.topic, ackBatch{0, 0, []int8{accept}}, ackBatch{1, 1, []int8{release}})
	p := m.part(m.send(req))
	wantCode(t, "the acknowledgement", p.AcknowledgeErrorCode, nil)
	if got := shown(p); got == "2-2x1" { // the released one may take a moment
		m.want("what was released", "1-1x2")
	} else if got != "1-1x2 2-2x1" {
		t.Errorf("%q is acquired", got)
	}
	req = m.fetchRequest()
	req.Topics = fetchAcks(m.topic, ackBatch{0, 9, []int8{accept}})
	p = m.part(m.send(req))
	wantCode(t, "an acknowledgement of nothing", p.AcknowledgeErrorCode, kerr.InvalidRequest)
	wantCode(t, "the fetch it comes with", p.ErrorCode, nil)
}

// fetchAcks are acknowledgements to go with a fetch.
func fetchAcks(topic [16]byte, batches ...ackBatch) []kmsg.ShareFetchRequestTopic {
	rp := kmsg.NewShareFetchRequestTopicPartition()
	for _, b := range batches {
		rb := kmsg.NewShareFetchRequestTopicPartitionAcknowledgementBatch()
		rb.FirstOffset, rb.LastOffset, rb.AcknowledgeTypes = b.first, b.last, b.types
		rp.AcknowledgementBatches = append(rp.AcknowledgementBatches, rb)
	}
	return []kmsg.ShareFetchRequestTopic{{TopicID: topic, Partitions: []kmsg.ShareFetchRequestTopicPartition{rp}}}
}

func TestWhatIsReleasedIsDeliveredAgainAndWhatIsRejectedIsNot(t *testing.T) {
	log, topic, group := newShared(t)
	first, second := newSharer(t, group, topic), newSharer(t, group, topic)
	log.mustProduce(topic, of("a", "b", "c", "d", "e"))
	first.want("what there is", "0-4x1")
	first.wantAck("each its own", "NONE", 0, 4, accept, release, reject, release, gap)
	wantLag(t, group, topic, 1, 2)
	second.want("what was released", "1-1x2 3-3x2")
	second.wantAck("rejected", "NONE", 1, 1, reject)
	second.wantAck("accepted", "NONE", 3, 3, accept)
	wantLag(t, group, topic, 5, 0)
}

func TestARecordIsGivenUpAtTheLimitOfDeliveries(t *testing.T) {
	log, topic, group := newShared(t, "share.delivery.count.limit", "2")
	m := newSharer(t, group, topic)
	log.mustProduce(topic, of("a"))
	m.want("the first time", "0-0x1")
	m.wantAck("released", "NONE", 0, 0, release)
	m.want("the last time", "0-0x2")
	m.wantAck("released", "NONE", 0, 0, release)
	m.want("once more", "")
	wantLag(t, group, topic, 1, 0)
}

// Whole batches come until there are as many records as were asked for; with
// the record limit (KIP-1206), so many and no more.
func TestHowManyRecordsAreAcquired(t *testing.T) {
	log, topic, group := newShared(t)
	m := newSharer(t, group, topic)
	for range 4 {
		log.mustProduce(topic, of("a", "b", "c"))
	}
	most := func(n int32) func(*kmsg.ShareFetchRequest) {
		return func(r *kmsg.ShareFetchRequest) { r.MaxRecords, r.BatchSize = n, n }
	}
	if got := m.fetch(most(2)); got != "0-2x1" {
		t.Errorf("at most 2: %q", got)
	}
	exactly := func(n int32) func(*kmsg.ShareFetchRequest) {
		return func(r *kmsg.ShareFetchRequest) { r.MaxRecords, r.BatchSize, r.ShareAcquireMode = n, n, 1 }
	}
	if got := m.fetch(exactly(2)); got != "3-4x1" {
		t.Errorf("exactly 2: %q", got)
	}
	if got := m.fetch(exactly(3)); got != "5-7x1" && got != "5-5x1 6-7x1" {
		t.Errorf("exactly 3: %q", got)
	}
	if got := m.fetch(most(500)); got != "8-11x1" && got != "8-8x1 9-11x1" {
		t.Errorf("the rest: %q", got)
	}
}

func TestRangesAreAboutAsLongAsAsked(t *testing.T) {
	log, topic, group := newShared(t)
	m := newSharer(t, group, topic)
	for range 6 {
		log.mustProduce(topic, of("a", "b"))
	}
	m.want("in fours", "0-3x1 4-7x1 8-11x1", func(r *kmsg.ShareFetchRequest) { r.BatchSize = 4 })
}

func TestWhatAnAcknowledgementMayNotSay(t *testing.T) {
	log, topic, group := newShared(t)
	m := newSharer(t, group, topic)
	log.mustProduce(topic, of("a", "b", "c", "d"))
	m.want("what there is", "0-3x1")
	for _, wrong := range []struct {
		what string
		want string
		acks []ackBatch
	}{
		{"a type that there is not", "INVALID_REQUEST", []ackBatch{{0, 0, []int8{5}}}},
		{"a negative type", "INVALID_REQUEST", []ackBatch{{0, 0, []int8{-1}}}},
		{"no type", "INVALID_REQUEST", []ackBatch{{0, 0, nil}}},
		{"too few types", "INVALID_REQUEST", []ackBatch{{0, 2, []int8{accept, accept}}}},
		{"too many types", "INVALID_REQUEST", []ackBatch{{0, 0, []int8{accept, accept}}}},
		{"an end before the beginning", "INVALID_REQUEST", []ackBatch{{2, 1, []int8{accept}}}},
		{"a negative offset", "INVALID_REQUEST", []ackBatch{{-2, 1, []int8{accept}}}},
		{"ranges that overlap", "INVALID_REQUEST", []ackBatch{{0, 2, []int8{accept}}, {1, 3, []int8{accept}}}},
		{"ranges that are not in order", "INVALID_REQUEST", []ackBatch{{2, 3, []int8{accept}}, {0, 1, []int8{accept}}}},
		{"what nobody was given", "INVALID_REQUEST", []ackBatch{{3, 4, []int8{accept}}}},
		{"far beyond", "INVALID_REQUEST", []ackBatch{{100, 200, []int8{accept}}}},
	} {
		if got := m.acks(m.ackRequest(wrong.acks...)); got != wrong.want {
			t.Errorf("%s: %s, want %s", wrong.what, got, wrong.want)
		}
	}
	m.wantAck("nothing of that counts", "NONE", 1, 2, accept)
	m.wantAck("no longer acquired", "INVALID_RECORD_STATE", 1, 1, accept)
	m.wantAck("in part no longer acquired", "INVALID_RECORD_STATE", 0, 3, accept)
	m.wantAck("the first", "NONE", 0, 0, accept)
	m.wantAck("the last", "NONE", 3, 3, accept)
	wantLag(t, group, topic, 4, 0)
}

// KIP-1222.
func TestLocksAreRenewed(t *testing.T) {
	log, topic, group := newShared(t)
	m := newSharer(t, group, topic)
	log.mustProduce(topic, of("a", "b"))
	m.want("what there is", "0-1x1")
	m.wantAck("renewed", "NONE", 0, 1, renew)
	m.wantAck("one of them", "NONE", 0, 1, accept, renew)
	wantLag(t, group, topic, 1, 1)
	req := m.ackRequest(ackBatch{1, 1, []int8{renew}})
	req.IsRenewAck = false
	if got := m.acks(req); got != "INVALID_REQUEST" {
		t.Errorf("a renewal that the request does not announce: %s", got)
	}
	fetch := m.fetchRequest()
	fetch.IsRenewAck = true
	fetch.Topics = fetchAcks(m.topic, ackBatch{1, 1, []int8{renew}})
	if resp := m.leader.do(fetch, 2).(*kmsg.ShareFetchResponse); resp.ErrorCode != kerr.InvalidRequest.Code {
		t.Errorf("a fetch that renews and asks for records: %s", codeName(resp.ErrorCode))
	}
	fetch.MaxWaitMillis, fetch.MinBytes, fetch.MaxBytes, fetch.MaxRecords = 0, 0, 0, 0
	resp := m.send(fetch)
	wantCode(t, "a fetch that renews", resp.ErrorCode, nil)
	wantCode(t, "its acknowledgement", m.part(resp).AcknowledgeErrorCode, nil)
	m.wantAck("the other", "NONE", 1, 1, accept)
	m.wantAck("what is finished", "NONE", 1, 1, renew)
}

func TestRenewalCanBeTurnedOff(t *testing.T) {
	log, topic, group := newShared(t, "share.renew.acknowledge.enable", "false")
	m := newSharer(t, group, topic)
	log.mustProduce(topic, of("a"))
	m.want("what there is", "0-0x1")
	m.wantAck("renewed", "INVALID_RECORD_STATE", 0, 0, renew)
	m.wantAck("accepted", "NONE", 0, 0, accept)
}

func TestALockRunsOut(t *testing.T) {
	t.Parallel()
	log, topic, group := newShared(t, "share.record.lock.duration.ms", lockMillis)
	first, second := newSharer(t, group, topic), newSharer(t, group, topic)
	log.mustProduce(topic, of("a", "b"))
	began := time.Now()
	first.want("what there is", "0-1x1")
	first.wantAck("one of them", "NONE", 0, 0, accept)
	second.want("after the lock has run out", "1-1x2", func(r *kmsg.ShareFetchRequest) { r.MaxWaitMillis = 30_000 })
	if took := time.Since(began); took < 14*time.Second || took > 25*time.Second {
		t.Errorf("it ran out after %s", took)
	}
	first.wantAck("too late", "INVALID_RECORD_STATE", 1, 1, accept)
	second.wantAck("in time", "NONE", 1, 1, accept)
}

func TestARenewedLockLastsLonger(t *testing.T) {
	t.Parallel()
	log, topic, group := newShared(t, "share.record.lock.duration.ms", lockMillis)
	m := newSharer(t, group, topic)
	log.mustProduce(topic, of("a", "b"))
	m.want("what there is", "0-1x1")
	time.Sleep(10 * time.Second)
	m.wantAck("renewed", "NONE", 0, 0, renew)
	m.want("the other", "1-1x2", func(r *kmsg.ShareFetchRequest) { r.MaxWaitMillis = 9000 })
	m.wantAck("still locked", "NONE", 0, 1, accept)
}

func TestTheEpochOfAShareSession(t *testing.T) {
	log, topic, group := newShared(t)
	m := newSharer(t, group, topic)
	log.mustProduce(topic, of("a", "b"))
	epoch := m.session
	for _, wrong := range []int32{epoch + 1, epoch - 1 + 1000} {
		m.session = wrong
		if got := m.fetch(); got != "INVALID_SHARE_SESSION_EPOCH" {
			t.Errorf("a fetch in epoch %d of %d: %q", wrong, epoch, got)
		}
		m.session = wrong
		if got := m.ack(0, 0, accept); got != "INVALID_SHARE_SESSION_EPOCH" {
			t.Errorf("an acknowledgement in epoch %d of %d: %s", wrong, epoch, got)
		}
	}
	m.session = epoch
	m.want("in the right epoch", "0-1x1")
	m.session = 0
	if got := m.ack(0, 0, accept); got != "INVALID_SHARE_SESSION_EPOCH" {
		t.Errorf("an acknowledgement that opens a session: %s", got)
	}
	m.open()
	m.wantAck("in a new session of the same member", "NONE", 0, 0, accept)
}

func TestTheEndOfAShareSessionReleasesWhatIsAcquired(t *testing.T) {
	log, topic, group := newShared(t)
	first, second := newSharer(t, group, topic), newSharer(t, group, topic)
	log.mustProduce(topic, of("a", "b", "c"))
	first.want("what there is", "0-2x1")
	req := first.ackRequest(ackBatch{0, 0, []int8{accept}})
	req.ShareSessionEpoch = -1
	if got := first.acks(req); got != "NONE" {
		t.Errorf("the last acknowledgement: %s", got)
	}
	got := second.fetch(func(r *kmsg.ShareFetchRequest) { r.MaxWaitMillis = 10_000 })
	if !strings.HasPrefix(got, "1-2x") {
		t.Errorf("after the end of the session: %q", got)
	}
	first.session = 7
	if got := first.fetch(); got != "SHARE_SESSION_NOT_FOUND" {
		t.Errorf("a fetch in a session that has ended: %q", got)
	}
	req = first.ackRequest(ackBatch{1, 1, []int8{accept}})
	req.ShareSessionEpoch = -1
	if got := first.acks(req); got != "SHARE_SESSION_NOT_FOUND" {
		t.Errorf("ending it again: %s", got)
	}
}

func TestAFetchEndsItsSession(t *testing.T) {
	log, topic, group := newShared(t)
	m := newSharer(t, group, topic)
	log.mustProduce(topic, of("a"))
	m.want("what there is", "0-0x1")
	req := m.fetchRequest()
	req.ShareSessionEpoch, req.Topics = -1, fetchAcks(m.topic, ackBatch{0, 0, []int8{accept}})
	resp := m.send(req)
	wantCode(t, "the end", resp.ErrorCode, nil)
	if p := m.part(resp); p.AcknowledgeErrorCode != 0 || len(p.AcquiredRecords) > 0 {
		t.Errorf("%+v", p)
	}
	wantLag(t, group, topic, 1, 0)
}

func TestAConnectionThatEndsReleasesWhatIsAcquired(t *testing.T) {
	log, topic, group := newShared(t)
	first, second := newSharer(t, group, topic), newSharer(t, group, topic)
	log.mustProduce(topic, of("a"))
	first.want("what there is", "0-0x1")
	if err := first.leader.conn.Close(); err != nil {
		t.Fatal(err)
	}
	switch got := second.fetch(func(r *kmsg.ShareFetchRequest) { r.MaxWaitMillis = 10_000 }); got {
	case "0-0x1":
	case "0-0x2":
		differs(t, "a delivery counts when its connection breaks: a record that kills its consumers must come to its limit")
	default:
		t.Errorf("after the connection has ended: %q", got)
	}
}

func TestPartitionsThatAreNotThere(t *testing.T) {
	_, topic, group := newShared(t)
	m := newSharer(t, group, topic)
	ask := func(id [16]byte, partition int32, acks ...ackBatch) kmsg.ShareFetchResponseTopicPartition {
		req := m.fetchRequest()
		req.MaxWaitMillis = 0
		req.Topics = fetchAcks(id, acks...)
		req.Topics[0].Partitions[0].Partition = partition
		for _, topic := range m.send(req).Topics {
			for _, p := range topic.Partitions {
				if topic.TopicID == id && p.Partition == partition {
					return p
				}
			}
		}
		t.Fatalf("nothing is said of partition %d", partition)
		return kmsg.ShareFetchResponseTopicPartition{}
	}
	wantCode(t, "a partition that is not there", ask(m.topic, 7).ErrorCode, kerr.UnknownTopicOrPartition)
	wantCode(t, "a topic that is not there", ask([16]byte{1, 2, 3}, 0).ErrorCode, kerr.UnknownTopicID)
	wantCode(t, "an acknowledgement for it", ask([16]byte{1, 2, 3}, 0, ackBatch{0, 0, []int8{accept}}).AcknowledgeErrorCode, kerr.UnknownTopicID)
	wantCode(t, "one for a partition that is not there", ask(m.topic, 7, ackBatch{0, 0, []int8{accept}}).AcknowledgeErrorCode, kerr.UnknownTopicOrPartition)
	req := m.ackRequest(ackBatch{0, 0, []int8{accept}})
	req.Topics[0].TopicID = [16]byte{1, 2, 3}
	if got := m.acks(req); got != "UNKNOWN_TOPIC_ID" {
		t.Errorf("an acknowledgement of its own for a topic that is not there: %s", got)
	}
	req = m.ackRequest(ackBatch{0, 0, []int8{accept}})
	req.Topics[0].Partitions[0].Partition = 7
	if got := m.acks(req); got != "UNKNOWN_TOPIC_OR_PARTITION" {
		t.Errorf("an acknowledgement of its own for a partition that is not there: %s", got)
	}
}

func TestAReadCommittedGroupGetsNothingOfAbortedTransactions(t *testing.T) {
	log, topic, group := newShared(t, "share.isolation.level", "read_committed")
	m := newSharer(t, group, topic)
	x := newTxn(t, name(t, "transaction"), topic)
	wantCode(t, "write", x.write(12, "a", "b"), nil) // 0 and 1
	wantCode(t, "abort", x.end(5, false), nil)       // 2
	log.mustProduce(topic, of("c"))                  // 3
	wantCode(t, "write", x.write(12, "d"), nil)      // 4
	wantCode(t, "commit", x.end(5, true), nil)       // 5
	wantCode(t, "write", x.write(12, "e"), nil)      // 6, open
	log.mustProduce(topic, of("f"))                  // 7
	got := m.accepted()
	if got != "c d" {
		t.Errorf("while a transaction is open: %q", got)
	}
	wantCode(t, "commit", x.end(5, true), nil)
	if got := m.accepted(); got != "e f" {
		t.Errorf("after it: %q", got)
	}
}

func TestAReadUncommittedGroupGetsEverything(t *testing.T) {
	_, topic, group := newShared(t)
	m := newSharer(t, group, topic)
	x := newTxn(t, name(t, "transaction"), topic)
	wantCode(t, "write", x.write(12, "a", "b"), nil)
	wantCode(t, "abort", x.end(5, false), nil)
	wantCode(t, "write", x.write(12, "c"), nil)
	if got := m.accepted(); got != "a b c" {
		t.Errorf("%q", got)
	}
	wantCode(t, "commit", x.end(5, true), nil)
}
