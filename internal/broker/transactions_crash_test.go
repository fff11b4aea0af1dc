package broker

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/txn/transaction"
	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/internal/vfs/vfstest"
)

var transactionCuts = flag.Int("transactions.cuts", 15, "at how many operations the power is cut, for each way to cut it")

// Wherever the power is cut: a transaction is there in all partitions and with
// its offsets, or not at all; what was answered holds; and nothing is left open.
// Large records go another way to the disk than what says that their partition is in
// the transaction, so that each of them may be there without the other.
func TestPowerCutKeepsTransactionsWhole(t *testing.T) {
	for _, w := range []txnWorkload{{version: transaction.V0}, {version: transaction.V2}, {version: transaction.V2, padding: 300 << 10}} {
		total := cutTransactions(t, w, vfs.CrashAt, 1<<30, vfs.KeepAll)
		stride := max(1, total / *transactionCuts)
		for i, v := range vfstest.Cuts() {
			for n := 1 + i*stride/len(vfstest.Cuts()); n <= total; n += stride {
				t.Run(fmt.Sprintf("version %d, padding %d, %s, %d", w.version, w.padding, v.Name, n), func(t *testing.T) {
					cutTransactions(t, w, v.Hook, n, v.Keep(n))
				})
			}
		}
	}
}

// cutTransactions runs the workload up to a power cut at its nth operation and
// checks what is left. It returns how many operations there were.
func cutTransactions(t *testing.T, w txnWorkload, hook func(int) func(vfs.Op) error, n int, keep vfs.Keep) (operations int) {
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewMem()
		crash := func(vfs.Op) error { return nil }
		disk := vfs.NewFaulty(mem, func(op vfs.Op) error { return crash(op) })
		s := startIn(t, disk, inBubble, fewPartitions)
		for topic, partitions := range map[string]int{"a": 2, "b": 1} {
			s.topic(topic, partitions)
		}
		synctest.Wait()
		before := disk.Mutations()
		crash = hook(before + n)
		w.c, w.answered = s.piped("producer"), map[int]bool{}
		if err := w.run(); err != nil && n == 1<<30 {
			t.Fatal(err)
		}
		operations = disk.Mutations() - before
		left := mem.Crash(keep)
		s.Close()
		_ = s.log.Close() // the power is off

		s = startIn(t, left, inBubble, fewPartitions)
		if n%2 == 0 { // else a new producer ends what is open
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			w.ended(t, s)
		}
		w.check(t, s)
		s.Close()
		if err := s.log.Close(); err != nil {
			t.Error(err)
		}
	})
	return operations
}

func fewPartitions(c *Config) { c.OffsetsPartitions, c.TransactionsPartitions = 1, 1 }

// txnWorkload is transactions of one producer, numbered from 0, each of which writes
// its number to three partitions and commits its successor as an offset. Every
// third is aborted.
type txnWorkload struct {
	c        *raw
	version  transaction.Version
	padding  int // bytes, in each record
	producer transaction.Producer
	sequence int32
	answered map[int]bool // by number: was it committed
}

const workloadTransactions = 6

// run ends early, with an error, when the power goes.
func (w *txnWorkload) run() error {
	resp := ask[*kmsg.InitProducerIDResponse](w.c, initTxnRequest("tx"))
	w.producer = transaction.Producer{ID: resp.ProducerID, Epoch: resp.ProducerEpoch}
	if resp.ErrorCode != 0 {
		return kerr.ErrorForCode(resp.ErrorCode)
	}
	for n := range workloadTransactions {
		if err := errors.Join(w.add(), w.write(n), w.commitOffset(n)); err != nil {
			return err
		}
		if err := w.end(n, n%3 != 2); err != nil {
			return err
		}
	}
	return nil
}

// add adds everything to the transaction where records do not.
func (w *txnWorkload) add() error {
	if w.version == transaction.V2 {
		return nil
	}
	req := kmsg.NewPtrAddPartitionsToTxnRequest()
	req.Version, req.TransactionalID, req.ProducerID, req.ProducerEpoch = 3, "tx", w.producer.ID, w.producer.Epoch
	req.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: "a", Partitions: []int32{0, 1}}, {Topic: "b", Partitions: []int32{0}}}
	if code := ask[*kmsg.AddPartitionsToTxnResponse](w.c, req).Topics[0].Partitions[0].ErrorCode; code != 0 {
		return kerr.ErrorForCode(code)
	}
	offsets := kmsg.NewPtrAddOffsetsToTxnRequest()
	offsets.Version, offsets.TransactionalID, offsets.ProducerID, offsets.ProducerEpoch, offsets.Group = 4, "tx", w.producer.ID, w.producer.Epoch, "g"
	return kerr.ErrorForCode(ask[*kmsg.AddOffsetsToTxnResponse](w.c, offsets).ErrorCode)
}

func (w *txnWorkload) write(n int) error {
	id := "tx"
	req := kmsg.NewPtrProduceRequest()
	if req.Version = 12; w.version == transaction.V0 {
		req.Version = 9
	}
	req.Acks, req.TransactionID = -1, &id
	head := batch.Head{Transactional: true, Producer: &batch.Producer{ID: w.producer.ID, Epoch: w.producer.Epoch, Sequence: w.sequence}}
	for topic, partitions := range map[string]int32{"a": 2, "b": 1} {
		rt := kmsg.NewProduceRequestTopic()
		rt.Topic = topic
		for p := range partitions {
			rp := kmsg.NewProduceRequestTopicPartition()
			rp.Partition, rp.Records = p, records(w.c.t, head, fmt.Sprint(n, strings.Repeat(" ", w.padding)))
			rt.Partitions = append(rt.Partitions, rp)
		}
		req.Topics = append(req.Topics, rt)
	}
	w.sequence++
	for _, rt := range ask[*kmsg.ProduceResponse](w.c, req).Topics {
		for _, rp := range rt.Partitions {
			if rp.ErrorCode != 0 {
				return kerr.ErrorForCode(rp.ErrorCode)
			}
		}
	}
	return nil
}

func (w *txnWorkload) commitOffset(n int) error {
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	if req.Version = 5; w.version == transaction.V0 {
		req.Version = 4
	}
	req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch = "tx", "g", w.producer.ID, w.producer.Epoch
	rp := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	rp.Offset = int64(n) + 1
	req.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: "a", Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{rp}}}
	return kerr.ErrorForCode(ask[*kmsg.TxnOffsetCommitResponse](w.c, req).Topics[0].Partitions[0].ErrorCode)
}

func (w *txnWorkload) end(n int, commit bool) error {
	version := int16(5)
	if w.version == transaction.V0 {
		version = 3
	}
	resp := w.c.endTxn(version, "tx", w.producer, commit)
	if resp.ErrorCode != 0 {
		return kerr.ErrorForCode(resp.ErrorCode)
	}
	w.answered[n] = commit
	if w.version == transaction.V2 {
		w.producer, w.sequence = transaction.Producer{ID: resp.ProducerID, Epoch: resp.ProducerEpoch}, 0
	}
	return nil
}

// ended checks that no transaction is open, though nobody goes on with it.
func (w *txnWorkload) ended(t *testing.T, s *server) {
	for topic := range s.store.Snapshot().All() {
		for _, p := range topic.Partitions {
			if open := p.OpenTransactions(); len(open) > 0 {
				t.Errorf("%v: %v are open for ever", p.ID(), open)
			}
		}
	}
}

// check begins as a new producer with the same id, which ends what is open, and
// looks at what is there.
func (w *txnWorkload) check(t *testing.T, s *server) {
	t.Helper()
	c := s.piped("checker")
	resp := ask[*kmsg.InitProducerIDResponse](c, initTxnRequest("tx"))
	for ; resp.ErrorCode == kerr.CoordinatorLoadInProgress.Code; resp = ask[*kmsg.InitProducerIDResponse](c, initTxnRequest("tx")) {
		synctest.Wait()
	}
	if resp.ErrorCode != 0 {
		t.Fatalf("init: %v", kerr.ErrorForCode(resp.ErrorCode))
	}
	synctest.Wait()
	topics := s.store.Snapshot()
	whole := outcome(t, topics.Topic("a").Partition(0))
	for _, p := range []*log.Partition{topics.Topic("a").Partition(1), topics.Topic("b").Partition(0)} {
		if got := outcome(t, p); !slices.Equal(got, whole) {
			t.Errorf("%v has transactions %v, another partition %v", p.ID(), got, whole)
		}
	}
	for n, committed := range w.answered {
		if slices.Contains(whole, n) != committed {
			t.Errorf("transaction %d was answered committed %v, there are %v", n, committed, whole)
		}
	}
	want := int64(-1)
	if len(whole) > 0 {
		want = int64(whole[len(whole)-1]) + 1
	}
	if got := committedOffset(c, "g", "a"); got != want {
		t.Errorf("offset %d is committed, want %d", got, want)
	}
}

// outcome is the committed numbers in a partition, in the order of their markers.
func outcome(t *testing.T, p *log.Partition) (committed []int) {
	t.Helper()
	open := map[int64][]int{}
	for at := p.LogStart(); at < p.HighWatermark(); {
		raw, next, err := readWhole(p, at)
		if err != nil {
			t.Fatal(err)
		}
		for len(raw) > 0 {
			var b batch.Batch
			if b, raw, err = batch.Next(raw); err != nil {
				t.Fatal(err)
			}
			if m, ok := b.Marker(); ok {
				if m.Commit {
					committed = append(committed, open[m.ProducerID]...)
				}
				delete(open, m.ProducerID)
				continue
			}
			for r, err := range new(batch.Codecs).Records(b) {
				var n int
				if _, scan := fmt.Sscan(string(r.Value), &n); err != nil || scan != nil {
					t.Fatalf("%q: %v, %v", r.Value, err, scan)
				}
				open[b.ProducerID()] = append(open[b.ProducerID()], n)
			}
		}
		at = next
	}
	if len(open) > 0 || p.LastStableOffset() != p.HighWatermark() {
		t.Errorf("%v: %v are open, stable up to %d of %d", p.ID(), open, p.LastStableOffset(), p.HighWatermark())
	}
	return committed
}

// committedOffset is the group's offset in partition 0 of the topic, which must
// be stable.
func committedOffset(c *raw, group, topic string) int64 {
	c.t.Helper()
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Version, req.RequireStable = 9, true
	rg := kmsg.NewOffsetFetchRequestGroup()
	rg.Group, rg.Topics = group, []kmsg.OffsetFetchRequestGroupTopic{{Topic: topic, Partitions: []int32{0}}}
	req.Groups = append(req.Groups, rg)
	p := ask[*kmsg.OffsetFetchResponse](c, req).Groups[0].Topics[0].Partitions[0]
	if p.ErrorCode != 0 {
		c.t.Errorf("fetch offsets: %v", kerr.ErrorForCode(p.ErrorCode))
	}
	return p.Offset
}
