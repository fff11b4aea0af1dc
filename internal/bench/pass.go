package bench

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Pass is one timed stretch of producing or consuming.
type Pass struct {
	Records          int64   `json:"records"`
	Bytes            int64   `json:"bytes"` // of record values
	Seconds          float64 `json:"seconds"`
	RecordsPerSecond float64 `json:"records_per_second"`
	MBPerSecond      float64 `json:"mb_per_second"` // 10^6 bytes of record values
	RecordsPerBatch  float64 `json:"records_per_batch"`
	// BytesPerRecord is what a record takes in the log: its share of the
	// batch, header included, after compression.
	BytesPerRecord float64 `json:"stored_bytes_per_record"`
	// ClientCPU and BrokerCPU are user and system time per record, in
	// microseconds; BrokerCPU is 0 if it was not measured.
	ClientCPU float64 `json:"client_cpu_us_per_record"`
	BrokerCPU float64 `json:"broker_cpu_us_per_record,omitempty"`
	// Ack is the time from the call to Produce to the acknowledgement, of
	// one record in 256. Under full load most of it is spent in the
	// client's own queue. Empty when consuming.
	Ack Latency `json:"ack_latency,omitzero"`
}

// batchHeader is the length in bytes of a record batch without its records.
const batchHeader = 61

// batches counts the record batches that pass through a client.
type batches struct{ count, records, bytes atomic.Int64 }

// OnProduceBatchWritten implements [kgo.HookProduceBatchWritten].
func (b *batches) OnProduceBatchWritten(_ kgo.BrokerMetadata, _ string, _ int32, m kgo.ProduceBatchMetrics) {
	b.add(m.NumRecords, m.CompressedBytes)
}

// OnFetchBatchRead implements [kgo.HookFetchBatchRead].
func (b *batches) OnFetchBatchRead(_ kgo.BrokerMetadata, _ string, _ int32, m kgo.FetchBatchMetrics) {
	b.add(m.NumRecords, m.CompressedBytes)
}

func (b *batches) add(records, bytes int) {
	b.count.Add(1)
	b.records.Add(int64(records))
	b.bytes.Add(int64(bytes) + batchHeader)
}

// stopwatch takes the time and both sides' CPU between two moments.
type stopwatch struct {
	broker                  CPUMeter
	start                   time.Time
	clientCPU, brokerCPU    time.Duration
	count0, records0, bytes int64
}

// startWatch begins a pass; batches that b has seen so far are left out.
func startWatch(ctx context.Context, broker CPUMeter, b *batches) (*stopwatch, error) {
	w := &stopwatch{
		broker: broker,
		count0: b.count.Load(), records0: b.records.Load(), bytes: b.bytes.Load(),
	}
	var err error
	if w.clientCPU, w.brokerCPU, err = w.cpu(ctx); err != nil {
		return nil, err
	}
	w.start = time.Now()
	return w, nil
}

// cpu reads both sides. A client whose system tells no CPU time counts as 0.
func (w *stopwatch) cpu(ctx context.Context) (client, broker time.Duration, err error) {
	client, _ = OwnCPU(ctx)
	if w.broker != nil {
		broker, err = w.broker(ctx)
	}
	return client, broker, err
}

// stop ends the pass, in which so many records with so many bytes of value
// were produced or consumed.
func (w *stopwatch) stop(ctx context.Context, b *batches, records, bytes int64) (Pass, error) {
	elapsed := time.Since(w.start).Seconds()
	client, broker, err := w.cpu(ctx)
	if err != nil {
		return Pass{}, err
	}
	seen := float64(b.records.Load() - w.records0)
	return Pass{
		Records: records, Bytes: bytes, Seconds: elapsed,
		RecordsPerSecond: float64(records) / elapsed,
		MBPerSecond:      float64(bytes) / elapsed / 1e6,
		RecordsPerBatch:  ratio(seen, float64(b.count.Load()-w.count0)),
		BytesPerRecord:   ratio(float64(b.bytes.Load()-w.bytes), seen),
		ClientCPU:        ratio(microseconds(client-w.clientCPU), float64(records)),
		BrokerCPU:        ratio(microseconds(broker-w.brokerCPU), float64(records)),
	}, nil
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// ratio is a/b, and 0 where there is nothing to divide by.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
