package broker

import (
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/vfs"
)

func TestDeleteRecordsWaitsForRecordsThatAreHeld(t *testing.T) {
	var hold atomic.Int64
	s := startLog(t, log.Config{FS: vfs.NewMem(), Dir: "/data", Hold: func(id log.ID) int64 {
		if id.Topic == "t" {
			return hold.Load()
		}
		return math.MaxInt64
	}})
	s.create(1, nil, "t")
	s.produce(s.client(), "t", "a", "b", "c", "d")
	c := s.dial()
	req := deleteRequest("t", 0, 3)
	req.TimeoutMillis = 60
	if got := ask[*kmsg.DeleteRecordsResponse](c, req).Topics[0].Partitions[0]; got.ErrorCode != kerr.RequestTimedOut.Code {
		t.Errorf("held: %+v", got)
	}
	req.TimeoutMillis = 60_000
	time.AfterFunc(100*time.Millisecond, func() { hold.Store(4) })
	if got := ask[*kmsg.DeleteRecordsResponse](c, req).Topics[0].Partitions[0]; got.ErrorCode != 0 || got.LowWatermark != 3 {
		t.Errorf("no longer held: %+v", got)
	}
}
