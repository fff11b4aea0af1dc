package bench

import (
	"bytes"
	"fmt"
	"slices"
)

// MedianOf is the median of a figure over all rounds; of two middle ones, their
// mean.
func MedianOf[R any](rounds []R, figure func(R) float64) float64 {
	all := make([]float64, len(rounds))
	for i, r := range rounds {
		all[i] = figure(r)
	}
	slices.Sort(all)
	if len(all) == 0 {
		return 0
	}
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// medianPass has in each field the median over all rounds.
func medianPass[R any](rounds []R, pass func(R) *Pass) Pass {
	of := func(figure func(*Pass) float64) float64 {
		return MedianOf(rounds, func(r R) float64 { return figure(pass(r)) })
	}
	return Pass{
		Records:          int64(of(func(p *Pass) float64 { return float64(p.Records) })),
		Bytes:            int64(of(func(p *Pass) float64 { return float64(p.Bytes) })),
		Seconds:          of(func(p *Pass) float64 { return p.Seconds }),
		RecordsPerSecond: of(func(p *Pass) float64 { return p.RecordsPerSecond }),
		MBPerSecond:      of(func(p *Pass) float64 { return p.MBPerSecond }),
		RecordsPerBatch:  of(func(p *Pass) float64 { return p.RecordsPerBatch }),
		BytesPerRecord:   of(func(p *Pass) float64 { return p.BytesPerRecord }),
		ClientCPU:        of(func(p *Pass) float64 { return p.ClientCPU }),
		BrokerCPU:        of(func(p *Pass) float64 { return p.BrokerCPU }),
		Ack:              medianLatency(rounds, func(r R) Latency { return pass(r).Ack }),
	}
}

// medianLatency has in each field the median over all rounds.
func medianLatency[R any](rounds []R, latency func(R) Latency) Latency {
	of := func(figure func(Latency) float64) float64 {
		return MedianOf(rounds, func(r R) float64 { return figure(latency(r)) })
	}
	return Latency{
		P50:   of(func(l Latency) float64 { return l.P50 }),
		P90:   of(func(l Latency) float64 { return l.P90 }),
		P99:   of(func(l Latency) float64 { return l.P99 }),
		P999:  of(func(l Latency) float64 { return l.P999 }),
		Max:   of(func(l Latency) float64 { return l.Max }),
		Count: int64(of(func(l Latency) float64 { return float64(l.Count) })),
	}
}

// writeText writes what one pass cost.
func (p *Pass) writeText(b *bytes.Buffer) {
	broker := "not measured"
	if p.BrokerCPU > 0 {
		broker = fmt.Sprintf("%.3f µs/record", p.BrokerCPU)
	}
	fmt.Fprintf(b, "broker CPU %s, client CPU %.3f µs/record; %.0f records/batch, %.1f bytes stored/record\n",
		broker, p.ClientCPU, p.RecordsPerBatch, p.BytesPerRecord)
	if p.Ack.Count > 0 {
		fmt.Fprintf(b, "acknowledged after %s\n", p.Ack)
	}
}

// String gives the quantiles in milliseconds.
func (l Latency) String() string {
	return fmt.Sprintf("p50 %.2f  p90 %.2f  p99 %.2f  p99.9 %.2f  max %.2f ms", l.P50, l.P90, l.P99, l.P999, l.Max)
}
