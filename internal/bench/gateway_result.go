package bench

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// GatewayResult is what [Gateway] measured.
type GatewayResult struct {
	EventSize        int            `json:"event_bytes"`
	BatchEvents      int            `json:"batch_events"`
	BatchConnections int            `json:"batch_connections"`
	Connections      int            `json:"connections"`
	Partitions       int32          `json:"partitions"`
	Batch            []GatewayRound `json:"batch"`
	Single           []GatewayRound `json:"single"`
}

// GatewayRound is one way of sending in one round.
type GatewayRound struct {
	Events    int64   `json:"events"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"events_per_second"`
	// CPU is the node's, in µs an event, and PerCore how many events a second of it is
	// enough for; 0 if it cannot be read.
	CPU     float64 `json:"node_cpu_us_per_event"`
	PerCore float64 `json:"events_per_cpu_second"`
	// Took is how long requests took.
	Took Latency `json:"request"`
}

func gatewayRound(senders []*eventSender, elapsed, cpu time.Duration) GatewayRound {
	r := GatewayRound{Seconds: elapsed.Seconds()}
	var took Histogram
	for _, s := range senders {
		r.Events += s.events
		took.add(&s.took)
	}
	r.PerSecond, r.Took = float64(r.Events)/elapsed.Seconds(), took.Latency()
	if cpu > 0 && r.Events > 0 {
		r.CPU = float64(cpu.Microseconds()) / float64(r.Events)
		r.PerCore = 1e6 / r.CPU
	}
	return r
}

// medianGateway is the round with the median rate.
func medianGateway(rounds []GatewayRound) GatewayRound {
	sorted := slices.SortedFunc(slices.Values(rounds), func(a, b GatewayRound) int { return cmp.Compare(a.CPU, b.CPU) })
	return sorted[len(sorted)/2]
}

// WriteText writes the result for people to read.
func (r *GatewayResult) WriteText(w io.Writer) error {
	var b bytes.Buffer
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(&b, "events of %d bytes, %d partitions; the round with the median CPU of %d\n", r.EventSize, r.Partitions, len(r.Batch))
	fmt.Fprintln(t, "\tevents/s\tnode CPU µs/event\tevents/s of a core\trequest p50 ms\tp99 ms\t")
	for _, line := range []struct {
		name string
		GatewayRound
	}{
		{fmt.Sprintf("batches of %d, %d connections", r.BatchEvents, r.BatchConnections), medianGateway(r.Batch)},
		{fmt.Sprintf("one by one, %d connections", r.Connections), medianGateway(r.Single)},
	} {
		fmt.Fprintf(t, "%s\t%.0f\t%.2f\t%.0f\t%.2f\t%.2f\t\n", line.name, line.PerSecond, line.CPU, line.PerCore, line.Took.P50, line.Took.P99)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}
