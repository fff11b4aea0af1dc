package broker

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/broker/txn/transaction"
)

// eachVersion runs f with a connection to a server that has the topic "t" with two
// partitions, for every listed version of a request.
func eachVersion(t *testing.T, key int16, f func(v *versioned)) {
	s := start(t)
	s.create(2, nil, "t")
	a := s.api(key)
	for version := a.min; version <= a.max; version++ {
		f(&versioned{raw: s.dial(), s: s, version: version, id: string(rune('a' + version))})
	}
}

// versioned asks in one version of a request.
type versioned struct {
	*raw
	s       *server
	version int16
	id      string // a transactional id that nobody else has
}

// want checks an error code; nil is none.
func (v *versioned) want(what string, code int16, want *kerr.Error) {
	v.t.Helper()
	if got := kerr.ErrorForCode(code); got != error(want) && !(got == nil && want == nil) {
		v.t.Errorf("version %d, %s: %v, want %v", v.version, what, got, want)
	}
}

// fenced is the code of a producer with an old epoch, as of the version that knows
// PRODUCER_FENCED (KIP-588).
func (v *versioned) fenced(known int16) *kerr.Error {
	if v.version < known {
		return kerr.InvalidProducerEpoch
	}
	return kerr.ProducerFenced
}

func TestInitProducerIDInEveryVersion(t *testing.T) {
	const key = 22
	eachVersion(t, key, func(v *versioned) {
		init := func(id *string, timeout int32, p transaction.Producer) *kmsg.InitProducerIDResponse {
			req := kmsg.NewPtrInitProducerIDRequest()
			req.Version, req.TransactionalID, req.TransactionTimeoutMillis = v.version, id, timeout
			req.ProducerID, req.ProducerEpoch = p.ID, p.Epoch
			return ask[*kmsg.InitProducerIDResponse](v.raw, req)
		}
		refused := func(what string, r *kmsg.InitProducerIDResponse, want *kerr.Error) {
			v.t.Helper()
			v.want(what, r.ErrorCode, want)
			if r.ProducerID != -1 || r.ProducerEpoch != -1 {
				v.t.Errorf("version %d, %s: told to be %d/%d", v.version, what, r.ProducerID, r.ProducerEpoch)
			}
		}
		empty := ""
		plain, other := init(nil, 0, transaction.None), init(nil, 0, transaction.None)
		v.want("without a transactional id", plain.ErrorCode, nil)
		if plain.ProducerEpoch != 0 || plain.ProducerID == other.ProducerID {
			v.t.Errorf("version %d: %+v and %+v", v.version, plain, other)
		}
		first, second := init(&v.id, 1000, transaction.None), init(&v.id, 1000, transaction.None)
		v.want("with one", first.ErrorCode, nil)
		if first.ProducerEpoch != 0 || second.ProducerID != first.ProducerID || second.ProducerEpoch != 1 {
			v.t.Errorf("version %d: %+v, then %+v", v.version, first, second)
		}
		refused("an empty one", init(&empty, 1000, transaction.None), kerr.InvalidRequest)
		refused("no timeout", init(&v.id, 0, transaction.None), kerr.InvalidTransactionTimeout)
		refused("a timeout that is too long", init(&v.id, 900_001, transaction.None), kerr.InvalidTransactionTimeout)
		if v.version < 3 { // which do not say who they are
			return
		}
		refused("half a producer", init(&v.id, 1000, transaction.Producer{ID: 5, Epoch: -1}), kerr.InvalidRequest)
		refused("another producer", init(&v.id, 1000, transaction.Producer{ID: 1 << 40}), v.fenced(initFenced))
		refused("an old epoch", init(&v.id, 1000, transaction.Producer{ID: first.ProducerID}), v.fenced(initFenced))
		third := init(&v.id, 1000, transaction.Producer{ID: second.ProducerID, Epoch: second.ProducerEpoch})
		v.want("going on", third.ErrorCode, nil)
		if third.ProducerID != second.ProducerID || third.ProducerEpoch != 2 {
			v.t.Errorf("version %d: goes on as %+v", v.version, third)
		}
	})
}

// initFenced is the first version of InitProducerId whose clients know
// PRODUCER_FENCED, fencedKnown that of the other requests.
const initFenced, fencedKnown = 4, 2

func TestAddPartitionsToTxnInEveryVersion(t *testing.T) {
	const key = 24
	eachVersion(t, key, func(v *versioned) {
		add := func(id string, p transaction.Producer, topics ...kmsg.AddPartitionsToTxnRequestTopic) *kmsg.AddPartitionsToTxnResponse {
			req := kmsg.NewPtrAddPartitionsToTxnRequest()
			req.Version, req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Topics = v.version, id, p.ID, p.Epoch, topics
			return ask[*kmsg.AddPartitionsToTxnResponse](v.raw, req)
		}
		topic := func(name string, partitions ...int32) kmsg.AddPartitionsToTxnRequestTopic {
			return kmsg.AddPartitionsToTxnRequestTopic{Topic: name, Partitions: partitions}
		}
		each := func(what string, r *kmsg.AddPartitionsToTxnResponse, want ...*kerr.Error) {
			v.t.Helper()
			for _, t := range r.Topics {
				for _, p := range t.Partitions {
					if len(want) == 0 {
						v.t.Fatalf("version %d, %s: too many answers: %+v", v.version, what, r.Topics)
					}
					v.want(what, p.ErrorCode, want[0])
					want = want[1:]
				}
			}
			if len(want) > 0 {
				v.t.Errorf("version %d, %s: too few answers: %+v", v.version, what, r.Topics)
			}
		}
		old := v.initTxn(v.id)
		p := v.initTxn(v.id)
		each("partitions", add(v.id, p, topic("t", 0, 1)), nil, nil)
		each("once more", add(v.id, p, topic("t", 1)), nil)
		each("twice in one request", add(v.id, p, topic("t", 1, 1)), nil, nil)
		each("none", add(v.id, p))
		each("some that are not there", add(v.id, p, topic("t", 0, 2), topic("none", 0)),
			kerr.OperationNotAttempted, kerr.UnknownTopicOrPartition, kerr.UnknownTopicOrPartition)
		each("the broker's own", add(v.id, p, topic("t", 0), topic(metadata.TransactionsTopic, 0)),
			kerr.OperationNotAttempted, kerr.TopicAuthorizationFailed)
		each("of nobody", add("nobody", p, topic("t", 0)), kerr.InvalidProducerIDMapping)
		each("of an empty id", add("", p, topic("t", 0)), kerr.InvalidRequest)
		each("of another producer", add(v.id, transaction.Producer{ID: 1 << 40}, topic("t", 0)), kerr.InvalidProducerIDMapping)
		each("of an old epoch", add(v.id, old, topic("t", 0)), v.fenced(fencedKnown))
	})
}

func TestAddOffsetsToTxnInEveryVersion(t *testing.T) {
	const key = 25
	eachVersion(t, key, func(v *versioned) {
		add := func(id string, p transaction.Producer) int16 {
			req := kmsg.NewPtrAddOffsetsToTxnRequest()
			req.Version, req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Group = v.version, id, p.ID, p.Epoch, "g"
			return ask[*kmsg.AddOffsetsToTxnResponse](v.raw, req).ErrorCode
		}
		old := v.initTxn(v.id)
		p := v.initTxn(v.id)
		v.want("offsets", add(v.id, p), nil)
		v.want("once more", add(v.id, p), nil)
		if s := v.described(v.id); s.State != "Ongoing" || len(s.Topics) != 1 || s.Topics[0].Topic != metadata.OffsetsTopic {
			v.t.Errorf("version %d: %+v", v.version, s)
		}
		v.want("of nobody", add("nobody", p), kerr.InvalidProducerIDMapping)
		v.want("of an empty id", add("", p), kerr.InvalidRequest)
		v.want("of another producer", add(v.id, transaction.Producer{ID: 1 << 40}), kerr.InvalidProducerIDMapping)
		v.want("of an old epoch", add(v.id, old), v.fenced(fencedKnown))
	})
}

func (r *raw) described(id string) kmsg.DescribeTransactionsResponseTransactionState {
	req := kmsg.NewPtrDescribeTransactionsRequest()
	req.TransactionalIDs = []string{id}
	return ask[*kmsg.DescribeTransactionsResponse](r, req).TransactionStates[0]
}

func TestTxnOffsetCommitInEveryVersion(t *testing.T) {
	const key = 28
	eachVersion(t, key, func(v *versioned) {
		old := v.initTxn(v.id)
		p := v.initTxn(v.id)
		req := kmsg.NewPtrTxnOffsetCommitRequest()
		commit := func(what string, change func(), want ...*kerr.Error) {
			v.t.Helper()
			*req = kmsg.NewTxnOffsetCommitRequest()
			req.Version, req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch = v.version, v.id, v.id, p.ID, p.Epoch
			rp := kmsg.NewTxnOffsetCommitRequestTopicPartition()
			rp.Offset = 7
			beyond := rp
			beyond.Partition = 2
			req.Topics = []kmsg.TxnOffsetCommitRequestTopic{
				{Topic: "t", Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{rp, beyond}},
				{Topic: "none", Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{rp}},
			}
			change()
			resp := ask[*kmsg.TxnOffsetCommitResponse](v.raw, req)
			v.want(what, resp.Topics[0].Partitions[0].ErrorCode, want[0])
			v.want(what+": partition", resp.Topics[0].Partitions[1].ErrorCode, kerr.UnknownTopicOrPartition)
			v.want(what+": topic", resp.Topics[1].Partitions[0].ErrorCode, kerr.UnknownTopicOrPartition)
		}
		late := kerr.TransactionAbortable
		if v.version < txnOffsetAbortable {
			late = kerr.InvalidTxnState
		}
		commit("of nobody", func() { req.TransactionalID = "nobody" }, kerr.InvalidProducerIDMapping)
		commit("of an empty id", func() { req.TransactionalID = "" }, kerr.InvalidRequest)
		commit("of another producer", func() { req.ProducerID = 1 << 40 }, kerr.InvalidProducerIDMapping)
		commit("of an old epoch", func() { req.ProducerEpoch = old.Epoch }, kerr.InvalidProducerEpoch)
		commit("of no group", func() { req.Group = "" }, kerr.InvalidGroupID)
		if v.version < txnOffsetJoins {
			commit("without AddOffsetsToTxn", func() {}, late)
			add := kmsg.NewPtrAddOffsetsToTxnRequest()
			add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = v.id, p.ID, p.Epoch, v.id
			v.want("add", ask[*kmsg.AddOffsetsToTxnResponse](v.raw, add).ErrorCode, nil)
		}
		commit("offsets", func() {}, nil)
		if v.version >= 3 { // which say for whom (KIP-447)
			commit("of a member that is not there", func() { req.MemberID, req.Generation = "m", 1 }, kerr.UnknownMemberID)
		}
		v.want("end", v.endTxn(4, v.id, p, true).ErrorCode, nil)
		v.s.awaitComplete(v.id)
		if got := committedOffset(v.raw, v.id, "t"); got != 7 {
			v.t.Errorf("version %d: offset %d", v.version, got)
		}
	})
}

func TestEndTxnInEveryVersion(t *testing.T) {
	const key = 26
	eachVersion(t, key, func(v *versioned) {
		raises := v.version >= 5
		old := v.initTxn(v.id)
		p := v.initTxn(v.id)
		end := func(what, id string, p transaction.Producer, commit bool, want *kerr.Error) *kmsg.EndTxnResponse {
			v.t.Helper()
			resp := v.endTxn(v.version, id, p, commit)
			v.want(what, resp.ErrorCode, want)
			if raises && want != nil && (resp.ProducerID != -1 || resp.ProducerEpoch != -1) {
				v.t.Errorf("%s: told to be %d/%d", what, resp.ProducerID, resp.ProducerEpoch)
			}
			return resp
		}
		end("of nobody", "nobody", p, true, kerr.InvalidProducerIDMapping)
		end("of an empty id", "", p, true, kerr.InvalidRequest)
		end("of another producer", v.id, transaction.Producer{ID: 1 << 40}, true, kerr.InvalidProducerIDMapping)
		end("of an old epoch", v.id, old, true, v.fenced(fencedKnown))
		end("of nothing", v.id, p, true, kerr.InvalidTxnState)
		for _, commit := range []bool{true, false} {
			v.want("add", v.addPartition(v.id, p, "t", 0), nil)
			resp := end("end", v.id, p, commit, nil)
			again := end("repeated", v.id, p, commit, nil)
			end("otherwise", v.id, p, !commit, kerr.InvalidTxnState)
			if !raises {
				continue
			}
			next := transaction.Producer{ID: p.ID, Epoch: p.Epoch + 1}
			for _, r := range []*kmsg.EndTxnResponse{resp, again} {
				if got := (transaction.Producer{ID: r.ProducerID, Epoch: r.ProducerEpoch}); got != next {
					v.t.Errorf("goes on as %v, want %v", got, next)
				}
			}
			p = next
		}
		if !raises {
			return
		}
		end("commit of nothing", v.id, p, true, kerr.InvalidTxnState)
		if r := end("abort of nothing", v.id, p, false, nil); r.ProducerEpoch != p.Epoch+1 {
			v.t.Errorf("goes on with epoch %d after %d", r.ProducerEpoch, p.Epoch)
		}
	})
}

func TestDescribeProducersInEveryVersion(t *testing.T) {
	const key = 61
	eachVersion(t, key, func(v *versioned) {
		req := kmsg.NewPtrDescribeProducersRequest()
		req.Version = v.version
		for _, topic := range []string{"t", "none", "not/legal"} {
			req.Topics = append(req.Topics, kmsg.DescribeProducersRequestTopic{Topic: topic, Partitions: []int32{0, 1, 2}})
		}
		p := v.initTxn(v.id)
		topic := v.s.store.Snapshot().Topic("t")
		if err := produceCode(ask[*kmsg.ProduceResponse](v.raw, txnProduce(v.t, 12, v.id, topic, p, 0, "x"))); err != nil {
			v.t.Fatal(err)
		}
		resp := ask[*kmsg.DescribeProducersResponse](v.raw, req)
		t := resp.Topics[0].Partitions
		v.want("a partition", t[0].ErrorCode, nil)
		v.want("another", t[1].ErrorCode, nil)
		v.want("one that is not there", t[2].ErrorCode, kerr.UnknownTopicOrPartition)
		v.want("of a topic that is not there", resp.Topics[1].Partitions[0].ErrorCode, kerr.UnknownTopicOrPartition)
		v.want("of a topic that cannot be there", resp.Topics[2].Partitions[0].ErrorCode, kerr.InvalidTopicException)
		if len(t[0].ActiveProducers) != 1 || len(t[1].ActiveProducers) != 0 {
			v.t.Fatalf("producers: %+v", t)
		}
		if a := t[0].ActiveProducers[0]; a.ProducerID != p.ID || a.ProducerEpoch != int32(p.Epoch) || a.LastSequence != 0 || a.CurrentTxnStartOffset != 0 || a.CoordinatorEpoch != -1 || a.LastTimestamp <= 0 {
			v.t.Errorf("producer: %+v", a)
		}
	})
}

func TestDescribeTransactionsInEveryVersion(t *testing.T) {
	const key = 65
	eachVersion(t, key, func(v *versioned) {
		p := v.initTxn(v.id)
		v.want("add", v.addPartition(v.id, p, "t", 1), nil)
		req := kmsg.NewPtrDescribeTransactionsRequest()
		req.Version, req.TransactionalIDs = v.version, []string{v.id, "nobody", ""}
		states := ask[*kmsg.DescribeTransactionsResponse](v.raw, req).TransactionStates
		v.want("a transaction", states[0].ErrorCode, nil)
		v.want("of nobody", states[1].ErrorCode, kerr.TransactionalIDNotFound)
		v.want("of an empty id", states[2].ErrorCode, kerr.InvalidRequest)
		if s := states[0]; s.TransactionalID != v.id || s.State != "Ongoing" || s.TimeoutMillis != 60_000 || s.StartTimestamp <= 0 ||
			s.ProducerID != p.ID || s.ProducerEpoch != p.Epoch || len(s.Topics) != 1 || s.Topics[0].Partitions[0] != 1 {
			v.t.Errorf("%+v", s)
		}
	})
}

func TestListTransactionsInEveryVersion(t *testing.T) {
	const key = 66
	eachVersion(t, key, func(v *versioned) {
		p := v.initTxn(v.id)
		v.want("add", v.addPartition(v.id, p, "t", 1), nil)
		list := func(change func(*kmsg.ListTransactionsRequest)) *kmsg.ListTransactionsResponse {
			req := kmsg.NewPtrListTransactionsRequest()
			req.Version, req.ProducerIDFilters = v.version, []int64{p.ID}
			change(req)
			return ask[*kmsg.ListTransactionsResponse](v.raw, req)
		}
		count := func(what string, want int, change func(*kmsg.ListTransactionsRequest)) {
			v.t.Helper()
			r := list(change)
			v.want(what, r.ErrorCode, nil)
			if len(r.TransactionStates) != want {
				v.t.Errorf("version %d, %s: %+v", v.version, what, r.TransactionStates)
			}
		}
		count("of the producer", 1, func(*kmsg.ListTransactionsRequest) {})
		count("of all", int(v.version)+1, func(r *kmsg.ListTransactionsRequest) { r.ProducerIDFilters = nil })
		count("of another state", 0, func(r *kmsg.ListTransactionsRequest) { r.StateFilters = []string{"Empty"} })
		unknown := list(func(r *kmsg.ListTransactionsRequest) { r.StateFilters = []string{"Ongoing", "Nonsense"} })
		if len(unknown.TransactionStates) != 1 || len(unknown.UnknownStateFilters) != 1 || unknown.UnknownStateFilters[0] != "Nonsense" {
			v.t.Errorf("version %d, a state that there is not: %+v", v.version, unknown)
		}
		if v.version >= 1 {
			count("that take long", 0, func(r *kmsg.ListTransactionsRequest) { r.DurationFilterMillis = 60_000 })
		}
		if v.version >= 2 {
			pattern := func(s string) func(*kmsg.ListTransactionsRequest) {
				return func(r *kmsg.ListTransactionsRequest) { r.TransactionalIDPattern = &s }
			}
			count("by a pattern", 1, pattern("["+v.id+"]"))
			count("by a pattern of part of it", 0, pattern("x"+v.id))
			v.want("by no pattern", list(pattern("(")).ErrorCode, kerr.InvalidRegularExpression)
		}
	})
}
