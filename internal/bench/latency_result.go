package bench

import (
	"bytes"
	"fmt"
	"io"
	"text/tabwriter"
)

// LatencyResult is what [MeasureLatency] measured.
type LatencyResult struct {
	Topic      string `json:"topic"`
	Partitions int32  `json:"partitions"`
	Rate       int    `json:"rate_per_second"` // asked for; each round tells what was reached
	RecordSize int    `json:"record_bytes"`
	Acks       string `json:"acks"`

	Rounds []LatencyRound `json:"rounds"`
	// Median has the median over the rounds in each field.
	Median LatencyRound `json:"median"`
}

// LatencyRound is one round: the broker, and the disk if asked for.
type LatencyRound struct {
	Pass
	// EndToEnd is the time from the call to Produce to the return of the poll
	// that brought the record.
	EndToEnd Latency `json:"end_to_end_latency"`
	// Fsync is how long the disk takes for an append of 4 KiB and fdatasync.
	Fsync *Latency `json:"fsync,omitempty"`
	// Discard is how long the discarding server takes to acknowledge.
	Discard *Latency `json:"discard_ack_latency,omitempty"`
	// OverFsync is what an end-to-end quantile adds to the same quantile of
	// Fsync, and AckRatio is Ack's p99 divided by that of Fsync.
	OverFsync *OverFsync `json:"over_fsync,omitempty"`
}

// OverFsync compares latencies with those of the disk alone.
type OverFsync struct {
	EndToEndP50 float64 `json:"end_to_end_p50_ms"`
	EndToEndP99 float64 `json:"end_to_end_p99_ms"`
	AckRatioP99 float64 `json:"ack_p99_ratio"`
}

// compare fills in what follows from the measurements.
func (r *LatencyRound) compare() {
	if r.Fsync == nil {
		return
	}
	r.OverFsync = &OverFsync{
		EndToEndP50: r.EndToEnd.P50 - r.Fsync.P50,
		EndToEndP99: r.EndToEnd.P99 - r.Fsync.P99,
		AckRatioP99: ratio(r.Ack.P99, r.Fsync.P99),
	}
}

func newLatencyResult(cfg LatencyConfig, t topic) *LatencyResult {
	return &LatencyResult{
		Topic: t.name, Partitions: t.partitions, Rate: cfg.Rate, RecordSize: cfg.RecordSize, Acks: cfg.Acks,
	}
}

func medianLatencyRound(rounds []LatencyRound) LatencyRound {
	m := LatencyRound{
		Pass:     medianPass(rounds, func(r LatencyRound) *Pass { return &r.Pass }),
		EndToEnd: medianLatency(rounds, func(r LatencyRound) Latency { return r.EndToEnd }),
	}
	if rounds[0].Discard != nil {
		l := medianLatency(rounds, func(r LatencyRound) Latency { return *r.Discard })
		m.Discard = &l
	}
	if rounds[0].Fsync == nil {
		return m
	}
	fsync := medianLatency(rounds, func(r LatencyRound) Latency { return *r.Fsync })
	m.Fsync = &fsync
	m.OverFsync = &OverFsync{
		EndToEndP50: MedianOf(rounds, func(r LatencyRound) float64 { return r.OverFsync.EndToEndP50 }),
		EndToEndP99: MedianOf(rounds, func(r LatencyRound) float64 { return r.OverFsync.EndToEndP99 }),
		AckRatioP99: MedianOf(rounds, func(r LatencyRound) float64 { return r.OverFsync.AckRatioP99 }),
	}
	return m
}

// WriteText writes the result for people to read.
func (r *LatencyResult) WriteText(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "latency on %s: %d partitions, %d records/s (reached %.0f) of %d bytes, acks=%s\n\n",
		r.Topic, r.Partitions, r.Rate, r.Median.RecordsPerSecond, r.RecordSize, r.Acks)
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(tw, "ms\tp50\tp90\tp99\tp99.9\tmax\t\n")
	for i, round := range r.Rounds {
		round.writeRows(tw, fmt.Sprintf("round %d", i+1))
	}
	r.Median.writeRows(tw, "median")
	_ = tw.Flush() // a buffer takes everything
	if o := r.Median.OverFsync; o != nil {
		fmt.Fprintf(&b, "\nend-to-end is fsync %+.2f ms at p50, %+.2f ms at p99; ack p99 is %.2f fsync p99\n",
			o.EndToEndP50, o.EndToEndP99, o.AckRatioP99)
	}
	_, err := b.WriteTo(w)
	return err
}

func (r *LatencyRound) writeRows(w io.Writer, name string) {
	rows := []struct {
		name string
		l    *Latency
	}{{"fsync", r.Fsync}, {"discard ack", r.Discard}, {"ack", &r.Ack}, {"end-to-end", &r.EndToEnd}}
	for _, row := range rows {
		if row.l != nil {
			fmt.Fprintf(w, "%s %s\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t\n",
				name, row.name, row.l.P50, row.l.P90, row.l.P99, row.l.P999, row.l.Max)
		}
	}
}
