package processing

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/evidentlog/evident/internal/bench"
)

// Result is what [Run] measured: of each part a slice with an element a round.
type Result struct {
	// Brokers are those of the cluster; none if the broker was embedded.
	Brokers    []string `json:"brokers,omitempty"`
	Partitions int32    `json:"partitions"`
	RecordSize int      `json:"record_bytes"`
	Keys       int64    `json:"keys"`

	Identity []Rate     `json:"identity,omitempty"`
	Count    []Rate     `json:"count,omitempty"`
	Latency  []Steady   `json:"latency,omitempty"`
	Timers   []Firing   `json:"timers,omitempty"`
	State    []Access   `json:"state,omitempty"`
	Restore  []Restored `json:"restore,omitempty"`
}

func newResult(cfg Config) *Result {
	return &Result{Brokers: cfg.Brokers, Partitions: cfg.Partitions, RecordSize: cfg.RecordSize, Keys: cfg.Keys}
}

// WriteText writes the result for people to read.
func (r *Result) WriteText(w io.Writer) error {
	var b bytes.Buffer
	where := "broker and runtime in one process"
	if len(r.Brokers) > 0 {
		where = "the runtime alone, on " + strings.Join(r.Brokers, ",")
	}
	fmt.Fprintf(&b, "processors: %s, %d partitions\n", where, r.Partitions)
	r.writeRates(&b, Identity, r.Identity)
	r.writeRates(&b, Count, r.Count)
	r.writeLatency(&b)
	r.writeTimers(&b)
	r.writeState(&b)
	_, err := b.WriteTo(w)
	return err
}

// table writes a heading and lines of cells, which a tab follows each.
func table(b *bytes.Buffer, title, heads string, rows func(io.Writer)) {
	fmt.Fprintf(b, "\n%s\n", title)
	tw := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, heads)
	rows(tw)
	_ = tw.Flush() // a buffer takes everything
}

func (r *Result) writeRates(b *bytes.Buffer, name string, rounds []Rate) {
	if len(rounds) == 0 {
		return
	}
	title := fmt.Sprintf("%s, exactly once, records of %d bytes, %d keys", name, r.RecordSize, r.Keys)
	table(b, title, "\trecords/s\tCPU µs/record\twith broker\tpeak MiB\twith broker\t", func(w io.Writer) {
		for i, rate := range rounds {
			rate.writeRow(w, fmt.Sprintf("round %d", i+1))
		}
		medianRate(rounds).writeRow(w, "median")
	})
}

func (r Rate) writeRow(w io.Writer, name string) {
	fmt.Fprintf(w, "%s\t%.0f\t%.3f\t%.3f\t%.0f\t%.0f\t\n", name, r.RecordsPerSecond, r.CPU, r.CPUWithBroker, r.Peak, r.PeakWithBroker)
}

func (r *Result) writeLatency(b *bytes.Buffer) {
	if len(r.Latency) == 0 {
		return
	}
	table(b, "latency, topic to topic, exactly once", "ms\trecords/s\tp50\tp90\tp99\tp99.9\tmax\tfsync p50\tp99\t", func(w io.Writer) {
		for i, s := range r.Latency {
			s.writeRow(w, fmt.Sprintf("round %d, from sending", i+1), s.EndToEnd)
			s.writeRow(w, "from the input's acknowledgement", s.FromInput)
		}
	})
}

func (s Steady) writeRow(w io.Writer, name string, l bench.Latency) {
	fmt.Fprintf(w, "%s\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t\n",
		name, s.Rate, l.P50, l.P90, l.P99, l.P999, l.Max, s.Fsync.P50, s.Fsync.P99)
}

func (r *Result) writeTimers(b *bytes.Buffer) {
	if len(r.Timers) == 0 {
		return
	}
	table(b, "timers", "\ttimers\tset/s\tMiB waiting\tof it new\tdue/s\tms late p50\tp99\tmax\t", func(w io.Writer) {
		for i, f := range r.Timers {
			fmt.Fprintf(w, "round %d\t%d\t%.0f\t%.0f\t%.0f\t%d\t%.2f\t%.2f\t%.2f\t\n",
				i+1, f.Timers, f.Set, f.Waiting, f.Grown, f.Rate, f.Late.P50, f.Late.P99, f.Late.Max)
		}
	})
}

func (r *Result) writeState(b *bytes.Buffer) {
	if len(r.State) > 0 {
		table(b, "state, reads and writes", "\tkeys\tper s\tper s of CPU\t", func(w io.Writer) {
			for i, a := range r.State {
				fmt.Fprintf(w, "round %d\t%d\t%.0f\t%.0f\t\n", i+1, a.Keys, a.PerSecond, a.PerCore)
			}
		})
	}
	if len(r.Restore) > 0 {
		table(b, "restore from the changelog", "\tkeys\ts\tkeys/s\tpeak MiB\t", func(w io.Writer) {
			for i, s := range r.Restore {
				fmt.Fprintf(w, "round %d\t%d\t%.2f\t%.0f\t%.0f\t\n", i+1, s.Keys, s.Seconds, s.KeysPerSecond, s.Peak)
			}
		})
	}
}
