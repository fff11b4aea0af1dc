package broker

import (
	"path"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/broker/txn/transaction"
	"github.com/evidentlog/evident/internal/vfs"
)

// What is not known of a transaction must not be made up for by aborting it: its
// commit may stand where the topic is damaged, and in other partitions.
func TestDamageOfTheStateEndsNoTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := vfs.NewMem()
		w := damagedAfter(t, disk, metadata.TransactionsTopic+"-0", firstBatch, func(w *txnWorkload) error { return w.write(0) })
		s := startIn(t, disk, inBubble, fewPartitions)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		p := s.store.Snapshot().Topic("a").Partition(0)
		if open := p.OpenTransactions(); len(open) != 1 || open[0].ProducerID != w.producer.ID {
			t.Errorf("%v: %v are open, want that of producer %d", p.ID(), open, w.producer.ID)
		}
		code := ask[*kmsg.InitProducerIDResponse](s.piped("producer"), initTxnRequest("tx")).ErrorCode
		if code != kerr.CoordinatorLoadInProgress.Code {
			t.Errorf("a producer begins on what is left of the state: error %d", code)
		}
		s.Close()
		_ = s.log.Close() // which tells of the damage
	})
}

// A partition that lost its markers to damage takes no new ones. Nobody has to wait
// for that.
func TestDamagedPartitionHoldsNoProducerBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := vfs.NewMem()
		damagedAfter(t, disk, "a-0", lastBatch, func(w *txnWorkload) error {
			if err := w.write(0); err != nil {
				return err
			}
			return w.end(0, true)
		})
		s := startIn(t, disk, inBubble, fewPartitions)
		synctest.Wait()
		if p := s.store.Snapshot().Topic("a").Partition(0); len(p.OpenTransactions()) != 1 {
			t.Fatal("the damage has not taken the marker")
		}
		resp := ask[*kmsg.InitProducerIDResponse](s.piped("producer"), initTxnRequest("tx"))
		if resp.ErrorCode != 0 {
			t.Errorf("init: %v", kerr.ErrorForCode(resp.ErrorCode))
		}
		s.Close()
		_ = s.log.Close() // which tells of the damage
	})
}

// Where a file is damaged, by its size.
func firstBatch(int64) int64     { return 70 }
func lastBatch(size int64) int64 { return size - 1 }

// damagedAfter has a producer begin and do something, stops the broker, and damages
// a partition.
func damagedAfter(t *testing.T, disk *vfs.Mem, folder string, at func(size int64) int64, do func(*txnWorkload) error) *txnWorkload {
	t.Helper()
	s := startIn(t, disk, inBubble, fewPartitions)
	for topic, partitions := range map[string]int{"a": 2, "b": 1} {
		s.topic(topic, partitions)
	}
	w := &txnWorkload{c: s.piped("producer"), version: transaction.V2, answered: map[int]bool{}}
	resp := ask[*kmsg.InitProducerIDResponse](w.c, initTxnRequest("tx"))
	w.producer = transaction.Producer{ID: resp.ProducerID, Epoch: resp.ProducerEpoch}
	if err := do(w); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	s.Close()
	if err := s.log.Close(); err != nil {
		t.Fatal(err)
	}
	dir := path.Join(inBubble, "topics", folder)
	entries, err := disk.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".log") {
			continue
		}
		info, err := e.Info()
		if err == nil {
			err = disk.FlipBit(path.Join(dir, e.Name()), at(info.Size()))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := disk.Remove(path.Join(inBubble, "checkpoint")); err != nil { // else a clean stop is believed
		t.Fatal(err)
	}
	return w
}
