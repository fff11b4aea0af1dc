package provable

import (
	"bytes"
	"fmt"
	"io"
	"text/tabwriter"
)

// Result is what [Run] measured; parts that were not are empty.
type Result struct {
	Leaves  []LeavesResult  `json:"leaves,omitempty"`
	Proofs  []ProofsResult  `json:"proofs,omitempty"`
	Produce []ProduceResult `json:"produce,omitempty"`
	Lag     *LagResult      `json:"lag,omitempty"`
	Many    *ManyResult     `json:"partitions,omitempty"`
}

// LeavesResult has the rounds of one size of records, and the median of each figure.
type LeavesResult struct {
	Rounds []LeavesRound `json:"rounds"`
	Median LeavesRound   `json:"median"`
}

// ProduceResult has the rounds of one size of records, and the median of each figure.
type ProduceResult struct {
	Rounds []ProduceRound `json:"rounds"`
	Median ProduceRound   `json:"median"`
}

// ManyResult has the rounds of many partitions, and the median of each figure.
type ManyResult struct {
	Partitions int         `json:"partitions"`
	Rounds     []ManyRound `json:"rounds"`
	Median     ManyRound   `json:"median"`
}

// WriteText writes the result for people to read.
func (r *Result) WriteText(w io.Writer) error {
	var b bytes.Buffer
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, write := range []func(io.Writer){r.writeLeaves, r.writeProofs, r.writeProduce, r.writeLag, r.writeMany} {
		write(tw)
	}
	_ = tw.Flush() // a buffer takes everything
	_, err := b.WriteTo(w)
	return err
}

func (r *Result) writeLeaves(w io.Writer) {
	if len(r.Leaves) == 0 {
		return
	}
	fmt.Fprint(w, "records into the ledger's files:\n\tCPU µs/record\tthree SHA-256 µs\trecords/s of a core\trecords/s\t\n")
	for _, l := range r.Leaves {
		m := l.Median
		fmt.Fprintf(w, "%d bytes\t%.3f\t%.3f\t%.0f\t%.0f\t\n", m.RecordSize, m.CPU, m.SHA256, m.PerCore, m.RecordsPerSecond)
	}
	fmt.Fprintln(w)
}

func (r *Result) writeProofs(w io.Writer) {
	if len(r.Proofs) == 0 {
		return
	}
	fmt.Fprint(w, "proofs, µs each:\n\tlog2\tp50\tp99\tCPU\tfrom disk p50\tp99\tfile bytes\twithout record\tdisk bytes/record\t\n")
	for _, p := range r.Proofs {
		fmt.Fprintf(w, "%d records\t%d\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%d\t%d\t%.1f\t\n", p.Records, p.Levels,
			p.Warm.P50, p.Warm.P99, p.CPU, p.Cold.P50, p.Cold.P99, p.Bytes, p.Overhead, p.DiskBytes)
	}
	fmt.Fprintln(w)
}

func (r *Result) writeProduce(w io.Writer) {
	if len(r.Produce) == 0 {
		return
	}
	fmt.Fprint(w, "produce, ledger off and on:\n\toff records/s\ton records/s\tratio\tprovable records/s\tratio\tcatch-up s\tnode CPU µs off\ton\t\n")
	for _, p := range r.Produce {
		m := p.Median
		fmt.Fprintf(w, "%d bytes\t%.0f\t%.0f\t%.2f\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\t\n", m.RecordSize, m.Off.RecordsPerSecond,
			m.On.RecordsPerSecond, m.Ratio, m.On.Provable, m.ProvableRatio, m.On.CatchUp, m.Off.NodeCPU, m.On.NodeCPU)
	}
	fmt.Fprintln(w)
}

func (r *Result) writeLag(w io.Writer) {
	if l := r.Lag; l != nil {
		fmt.Fprintf(w, "lag at %d records/s of %d bytes (reached %.0f): median %.2f s, most %.2f s, most %d records\n\n",
			l.Rate, l.RecordSize, l.Reached, l.Seconds, l.MaxSeconds, l.MaxRecords)
	}
}

func (r *Result) writeMany(w io.Writer) {
	if m := r.Many; m != nil {
		fmt.Fprintf(w, "%d partitions with a record a second each: %.1f%% of a core with the ledger, %.1f%% without\n\n",
			m.Partitions, 100*m.Median.On, 100*m.Median.Off)
	}
}
