package conformance

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// initAs asks for a transactional producer and returns who it is. With an id and
// an epoch, it asks to go on as the one that has them (KIP-360).
func (x *txn) initAs(timeout int32, producer int64, epoch int16) *kmsg.InitProducerIDResponse {
	x.t.Helper()
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID, req.TransactionTimeoutMillis, req.ProducerID, req.ProducerEpoch = &x.id, timeout, producer, epoch
	var resp *kmsg.InitProducerIDResponse
	eventually(x.t, func() error {
		resp = x.coordinator.do(req, 5).(*kmsg.InitProducerIDResponse)
		return settled(resp.ErrorCode)
	})
	return resp
}

// tooSlow begins a transaction that is aborted because it takes too long.
func tooSlow(t *testing.T) *txn {
	t.Helper()
	c, topic := newLog(t)
	x := newTxn(t, name(t, "id"), topic)
	resp := x.initAs(500, -1, -1)
	wantCode(t, "init", resp.ErrorCode, nil)
	x.producer, x.epoch, x.sequence = resp.ProducerID, resp.ProducerEpoch, 0
	wantCode(t, "write", x.write(12, "slow"), nil)
	eventually(t, func() error {
		if p := c.fetch(topic, 0); p.LastStableOffset != 2 {
			return fmt.Errorf("last stable offset %d", p.LastStableOffset)
		}
		return nil
	})
	return x
}

// A producer of the second version that was too slow finds out, aborts, and goes on.
func TestAProducerThatWasTooSlowGoesOnAfterAnAbort(t *testing.T) {
	x := tooSlow(t)
	before := x.epoch
	wantCode(t, "write", x.write(12, "late"), kerr.InvalidProducerEpoch)
	wantCode(t, "commit", x.end(5, true), kerr.InvalidTxnState)
	wantCode(t, "abort", x.end(5, false), nil)
	if x.epoch != before+1 {
		t.Errorf("goes on with epoch %d after %d", x.epoch, before)
	}
	wantCode(t, "write", x.write(12, "next"), nil)
	wantCode(t, "commit", x.end(5, true), nil)
	wantCommitted(t, x.leader, x.topic, "next")
}

// The same by asking for the next epoch, as clients of the first version do.
func TestAProducerThatWasTooSlowGoesOnWithTheNextEpoch(t *testing.T) {
	x := tooSlow(t)
	resp := x.initAs(30_000, x.producer, x.epoch)
	wantCode(t, "init", resp.ErrorCode, nil)
	if resp.ProducerID != x.producer || resp.ProducerEpoch != x.epoch+1 {
		t.Errorf("goes on as %d/%d after %d/%d", resp.ProducerID, resp.ProducerEpoch, x.producer, x.epoch)
	}
}

// A producer that begins again within a transaction aborts it.
func TestAProducerThatAsksForTheNextEpochAbortsItsTransaction(t *testing.T) {
	c, topic := newLog(t)
	x := newTxn(t, name(t, "id"), topic)
	wantCode(t, "write", x.write(12, "aborted"), nil)
	for range 2 { // an answer may get lost
		resp := x.initAs(30_000, x.producer, x.epoch)
		wantCode(t, "init", resp.ErrorCode, nil)
		if resp.ProducerID != x.producer || resp.ProducerEpoch != x.epoch+1 {
			t.Errorf("goes on as %d/%d after %d/%d", resp.ProducerID, resp.ProducerEpoch, x.producer, x.epoch)
		}
	}
	x.epoch, x.sequence = x.epoch+1, 0
	wantCode(t, "write", x.write(12, "committed"), nil)
	wantCode(t, "commit", x.end(5, true), nil)
	wantCommitted(t, c, topic, "committed")
}

// What a producer with an earlier epoch asks for is refused. Kafka notices only
// after it has aborted the transaction of the present one.
func TestAZombieIsRefusedTheNextEpoch(t *testing.T) {
	c, topic := newLog(t)
	zombie := newTxn(t, name(t, "id"), topic)
	x := newTxn(t, zombie.id, topic)
	wantCode(t, "write", x.write(12, "a"), nil)
	wantCode(t, "init of the zombie", zombie.initAs(30_000, zombie.producer, zombie.epoch).ErrorCode, kerr.ProducerFenced)
	switch got := x.end(5, true); got {
	case 0:
		differs(t, "a zombie's InitProducerId does not abort its successor's transaction")
		wantCommitted(t, c, topic, "a")
	default:
		wantCode(t, "commit", got, kerr.InvalidTxnState)
		wantCommitted(t, c, topic)
	}
}
