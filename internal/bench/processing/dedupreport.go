package processing

import (
	"bytes"
	"fmt"
	"io"
)

// DedupResult is what [RunDedup] measured: of each part a slice with an element a round.
type DedupResult struct {
	Partitions int32 `json:"partitions"`
	RecordSize int   `json:"record_bytes"`
	// Again: one in so many records had an id that was seen.
	Again int64 `json:"one_seen_in"`

	Through []Rate       `json:"through,omitempty"`
	Alone   []Rate       `json:"alone,omitempty"`
	Memory  []Remembered `json:"memory,omitempty"`
}

// WriteText writes the result for people to read.
func (r *DedupResult) WriteText(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "de-duplication, exactly once: %d partitions, records of %d bytes, one in %d with an id that was seen\n", r.Partitions, r.RecordSize, r.Again)
	writeDedupRates(&b, "broker and runtime in one process", r.Through)
	writeDedupRates(&b, "the runtime in a process of its own, whose CPU it is", r.Alone)
	if len(r.Memory) > 0 {
		table(&b, "ids in memory", "\tids\tadded/s\tCPU µs/id\tstate MiB\tbroker MiB\ts to start\tMiB resident\tpeak\t", func(w io.Writer) {
			for _, m := range r.Memory {
				fmt.Fprintf(w, "added\t%d\t%.0f\t%.3f\t%.0f\t%.0f\t\t\t\t\n", m.IDs, m.Filled, m.FilledCPU, m.Disk, m.Changelog)
				fmt.Fprintf(w, "opened\t\t\t\t\t\t%.1f\t%.0f\t%.0f\t\n", m.Opened.Seconds, m.Opened.Resident, m.Opened.Peak)
				fmt.Fprintf(w, "restored\t\t\t\t\t\t%.1f\t%.0f\t%.0f\t\n", m.Restored.Seconds, m.Restored.Resident, m.Restored.Peak)
			}
		})
	}
	_, err := b.WriteTo(w)
	return err
}

func writeDedupRates(b *bytes.Buffer, title string, rounds []Rate) {
	if len(rounds) == 0 {
		return
	}
	row := func(w io.Writer, name string, r Rate) {
		fmt.Fprintf(w, "%s\t%.0f\t%.3f\t%.0f\t%.0f\t\n", name, r.RecordsPerSecond, r.CPU, 1e6/r.CPU, r.Peak)
	}
	table(b, title, "\trecords/s\tCPU µs/record\trecords/s of CPU\tpeak MiB\t", func(w io.Writer) {
		for i, rate := range rounds {
			row(w, fmt.Sprintf("round %d", i+1), rate)
		}
		row(w, "median", medianRate(rounds))
	})
}
