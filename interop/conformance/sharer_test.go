package conformance

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Types of acknowledgements.
const (
	gap int8 = iota
	accept
	release
	reject
	renew
)

// sharer is a member of a share group that reads partition 0 of one topic.
type sharer struct {
	t           *testing.T
	coordinator *conn
	leader      *conn
	group, id   string
	topic       [16]byte
	member      int32 // epoch of the member
	session     int32 // epoch of the share session, of the next request
}

// newShared is a topic of one partition, and a group that reads it from its
// first record on. Settings are the group's, key and value in turns.
func newShared(t *testing.T, settings ...string) (log *conn, topic, group string) {
	t.Helper()
	log, topic = newLog(t)
	group = name(t, "group")
	configureGroup(t, group, append([]string{"share.auto.offset.reset", "earliest"}, settings...)...)
	return log, topic, group
}

// configureGroup gives a group settings, and waits until all brokers know them.
func configureGroup(t *testing.T, group string, settings ...string) {
	t.Helper()
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeGroupConfig, group
	for i := 0; i+1 < len(settings); i += 2 {
		r.Configs = append(r.Configs, kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: settings[i], Value: &settings[i+1]})
	}
	req.Resources = append(req.Resources, r)
	answer := ask[*kmsg.IncrementalAlterConfigsResponse](t, peer.addresses[0], req, 1).Resources[0]
	if err := code(answer.ErrorCode); err != nil {
		t.Fatalf("configure %s with %q: %v, %s", group, settings, err, deref(answer.ErrorMessage))
	}
	for _, address := range peer.addresses {
		eventually(t, func() error { return configured(t, address, group, settings) })
	}
}

// configured tells whether a broker knows the settings of a group.
func configured(t *testing.T, address, group string, settings []string) error {
	req := kmsg.NewPtrDescribeConfigsRequest()
	r := kmsg.NewDescribeConfigsRequestResource()
	r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeGroupConfig, group
	req.Resources = append(req.Resources, r)
	got := map[string]string{}
	for _, c := range ask[*kmsg.DescribeConfigsResponse](t, address, req, 4).Resources[0].Configs {
		if c.Value != nil {
			got[c.Name] = *c.Value
		}
	}
	for i := 0; i+1 < len(settings); i += 2 {
		if got[settings[i]] != settings[i+1] {
			return fmt.Errorf("%s: %s is %q", address, settings[i], got[settings[i]])
		}
	}
	return nil
}

// newSharer joins the group, and opens a share session once the group has begun
// with the partition.
func newSharer(t *testing.T, group, topic string) *sharer {
	t.Helper()
	m := &sharer{
		t: t, group: group, id: newMemberID(), topic: topicID(t, topic),
		coordinator: dial(t, coordinator(t, 0, group)), leader: dial(t, leader(t, topic, 0)),
	}
	m.join(topic)
	m.open()
	return m
}

// join subscribes to a topic and waits until its partition 0 is assigned.
func (m *sharer) join(topic string) {
	m.t.Helper()
	req := kmsg.NewPtrShareGroupHeartbeatRequest()
	req.GroupID, req.MemberID, req.SubscribedTopicNames = m.group, m.id, []string{topic}
	eventually(m.t, func() error {
		resp := m.coordinator.do(req, 1).(*kmsg.ShareGroupHeartbeatResponse)
		if resp.ErrorCode != 0 {
			return code(resp.ErrorCode)
		}
		m.member = resp.MemberEpoch
		req.MemberEpoch, req.SubscribedTopicNames = resp.MemberEpoch, nil
		if resp.Assignment == nil || len(resp.Assignment.TopicPartitions) == 0 {
			return errors.New("nothing is assigned")
		}
		return nil
	})
}

// leave ends the session and the membership, in the order in which clients do.
func (m *sharer) leave() {
	m.t.Helper()
	end := m.ackRequest()
	end.ShareSessionEpoch, end.Topics = -1, nil
	wantCode(m.t, "the end of the session", m.leader.do(end, 2).(*kmsg.ShareAcknowledgeResponse).ErrorCode, nil)
	_ = m.leader.conn.Close() // a broker of Kafka's lets go of the group with its last connection
	req := kmsg.NewPtrShareGroupHeartbeatRequest()
	req.GroupID, req.MemberID, req.MemberEpoch = m.group, m.id, -1
	wantCode(m.t, "leave", m.coordinator.do(req, 1).(*kmsg.ShareGroupHeartbeatResponse).ErrorCode, nil)
}

// open begins a share session, without asking for records.
func (m *sharer) open() {
	m.t.Helper()
	eventually(m.t, func() error {
		m.session = 0
		req := m.fetchRequest()
		req.MaxRecords, req.MaxBytes = 0, 0
		resp := m.send(req)
		if resp.ErrorCode != 0 {
			return code(resp.ErrorCode)
		}
		return code(m.part(resp).ErrorCode)
	})
}

// fetchRequest asks for all records that there are, waiting a moment for the
// first.
func (m *sharer) fetchRequest() *kmsg.ShareFetchRequest {
	req := kmsg.NewPtrShareFetchRequest()
	req.GroupID, req.MemberID, req.ShareSessionEpoch = &m.group, &m.id, m.session
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.MaxRecords, req.BatchSize = 500, 1, 1<<20, 500, 500
	if m.session == 0 {
		rp := kmsg.NewShareFetchRequestTopicPartition()
		rp.Partition = 0
		req.Topics = []kmsg.ShareFetchRequestTopic{{TopicID: m.topic, Partitions: []kmsg.ShareFetchRequestTopicPartition{rp}}}
	}
	return req
}

// send sends a fetch, with which the session goes on.
func (m *sharer) send(req *kmsg.ShareFetchRequest) *kmsg.ShareFetchResponse {
	m.t.Helper()
	resp := m.leader.do(req, 2).(*kmsg.ShareFetchResponse)
	if resp.ErrorCode == 0 {
		m.session = req.ShareSessionEpoch + 1
	}
	return resp
}

// part is what an answer says of the partition.
func (m *sharer) part(resp *kmsg.ShareFetchResponse) kmsg.ShareFetchResponseTopicPartition {
	m.t.Helper()
	for _, topic := range resp.Topics {
		for _, p := range topic.Partitions {
			if topic.TopicID == m.topic && p.Partition == 0 {
				return p
			}
		}
	}
	return kmsg.NewShareFetchResponseTopicPartition()
}

// fetch shows what is acquired: "0-2x1 5-5x2" is offsets 0 to 2, delivered for
// the first time, and offset 5, for the second. change may alter the request.
func (m *sharer) fetch(change ...func(*kmsg.ShareFetchRequest)) string {
	m.t.Helper()
	req := m.fetchRequest()
	for _, f := range change {
		f(req)
	}
	resp := m.send(req)
	if resp.ErrorCode != 0 {
		return codeName(resp.ErrorCode)
	}
	return shown(m.part(resp))
}

func shown(p kmsg.ShareFetchResponseTopicPartition) string {
	if p.ErrorCode != 0 {
		return codeName(p.ErrorCode)
	}
	var all []string
	for _, r := range p.AcquiredRecords {
		all = append(all, fmt.Sprintf("%d-%dx%d", r.FirstOffset, r.LastOffset, r.DeliveryCount))
	}
	return strings.Join(all, " ")
}

// ack acknowledges offsets, with one type for all or one for each.
func (m *sharer) ack(first, last int64, types ...int8) string {
	m.t.Helper()
	return m.acks(m.ackRequest(ackBatch{first, last, types}))
}

type ackBatch struct {
	first, last int64
	types       []int8
}

func (m *sharer) ackRequest(batches ...ackBatch) *kmsg.ShareAcknowledgeRequest {
	req := kmsg.NewPtrShareAcknowledgeRequest()
	req.GroupID, req.MemberID, req.ShareSessionEpoch = &m.group, &m.id, m.session
	rp := kmsg.NewShareAcknowledgeRequestTopicPartition()
	for _, b := range batches {
		rb := kmsg.NewShareAcknowledgeRequestTopicPartitionAcknowledgementBatch()
		rb.FirstOffset, rb.LastOffset, rb.AcknowledgeTypes = b.first, b.last, b.types
		req.IsRenewAck = req.IsRenewAck || slices.Contains(b.types, renew)
		rp.AcknowledgementBatches = append(rp.AcknowledgementBatches, rb)
	}
	req.Topics = []kmsg.ShareAcknowledgeRequestTopic{{TopicID: m.topic, Partitions: []kmsg.ShareAcknowledgeRequestTopicPartition{rp}}}
	return req
}

// acks sends acknowledgements, with which the session goes on, and shows the
// error.
func (m *sharer) acks(req *kmsg.ShareAcknowledgeRequest) string {
	m.t.Helper()
	resp := m.leader.do(req, 2).(*kmsg.ShareAcknowledgeResponse)
	if resp.ErrorCode != 0 {
		return codeName(resp.ErrorCode)
	}
	m.session = req.ShareSessionEpoch + 1
	return codeName(resp.Topics[0].Partitions[0].ErrorCode)
}

// want fails the test unless the member acquires this, in one fetch or several.
func (m *sharer) want(what, want string, change ...func(*kmsg.ShareFetchRequest)) {
	m.t.Helper()
	got := m.fetch(change...)
	for got != want && strings.HasPrefix(want, got) { // there is more to come
		more := m.fetch(change...)
		if more == "" {
			break
		}
		got = strings.TrimSpace(got + " " + more)
	}
	if got != want {
		m.t.Errorf("%s: %q is acquired, want %q", what, got, want)
	}
}

// wantSoon is want, where a cluster may take a while to begin anew.
func (m *sharer) wantSoon(what, want string) {
	m.t.Helper()
	var got string
	for deadline := time.Now().Add(settling); got == "" && time.Now().Before(deadline); {
		got = m.fetch()
	}
	if got != want {
		m.t.Errorf("%s: %q is acquired, want %q", what, got, want)
	}
}

// wantAck fails the test unless an acknowledgement is answered so.
func (m *sharer) wantAck(what, want string, first, last int64, types ...int8) {
	m.t.Helper()
	if got := m.ack(first, last, types...); got != want {
		m.t.Errorf("%s: acknowledging %d to %d: %s, want %s", what, first, last, got, want)
	}
}

// wantLag fails the test unless so many records are left that the group has not
// finished (KIP-1226). Its start offset may be that of an earlier record: Kafka
// writes it down with the next acknowledgement only.
func wantLag(t *testing.T, group, topic string, start, lag int64) {
	t.Helper()
	req := kmsg.NewPtrDescribeShareGroupOffsetsRequest()
	rg := kmsg.NewDescribeShareGroupOffsetsRequestGroup()
	rg.GroupID, rg.Topics = group, []kmsg.DescribeShareGroupOffsetsRequestGroupTopic{{Topic: topic, Partitions: []int32{0}}}
	req.Groups = append(req.Groups, rg)
	var got kmsg.DescribeShareGroupOffsetsResponseGroupTopicPartition
	for deadline := time.Now().Add(settling); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		resp := ask[*kmsg.DescribeShareGroupOffsetsResponse](t, coordinator(t, 0, group), req, 1)
		if wantCode(t, "offsets", resp.Groups[0].ErrorCode, nil); resp.Groups[0].ErrorCode != 0 {
			return
		}
		if got = resp.Groups[0].Topics[0].Partitions[0]; got.StartOffset <= start && got.Lag == lag {
			return
		}
	}
	t.Errorf("the group's start is %d with %d left, want at most %d, and %d", got.StartOffset, got.Lag, start, lag)
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// newMemberID is one as clients make it: a UUID in Kafka's form.
func newMemberID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// accepted is the values that are acquired until there are no more. Each is
// accepted; offsets without a record are gaps.
func (m *sharer) accepted() string {
	m.t.Helper()
	var all []string
	for {
		p := m.part(m.send(m.fetchRequest()))
		if p.ErrorCode != 0 {
			m.t.Fatalf("fetch: %s", codeName(p.ErrorCode))
		}
		if len(p.AcquiredRecords) == 0 {
			return strings.Join(all, " ")
		}
		values := valuesAt(m.t, p.Records)
		for _, r := range p.AcquiredRecords {
			var types []int8
			for offset := r.FirstOffset; offset <= r.LastOffset; offset++ {
				value, there := values[offset]
				if !there {
					types = append(types, gap)
					continue
				}
				types, all = append(types, accept), append(all, value)
			}
			m.wantAck("what came", "NONE", r.FirstOffset, r.LastOffset, types...)
		}
	}
}

// valuesAt are the values of records that are no markers, by offset.
func valuesAt(t *testing.T, raw []byte) map[int64]string {
	t.Helper()
	all := map[int64]string{}
	for len(raw) > 0 {
		var b kmsg.RecordBatch
		if err := b.ReadFrom(raw); err != nil {
			t.Fatal(err)
		}
		raw = raw[lengthOfOffset+int(b.Length):]
		if b.Attributes&control != 0 {
			continue
		}
		for records := b.Records; len(records) > 0; {
			var r kmsg.Record
			if err := r.ReadFrom(records); err != nil {
				t.Fatal(err)
			}
			records = records[len(kbin.AppendVarint(nil, r.Length))+int(r.Length):]
			all[b.FirstOffset+int64(r.OffsetDelta)] = string(r.Value)
		}
	}
	return all
}
