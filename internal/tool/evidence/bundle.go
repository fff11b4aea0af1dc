package evidence

import (
	"fmt"
	"io"
	"time"

	"github.com/evidentlog/evident/internal/tool"
)

// count is how many records are proven.
func (c Checked) count() (n int) {
	for i := range c.Heads {
		n += len(c.Heads[i].Records)
	}
	return n
}

// bundleText gives each of several records a line, and says once what is proven of
// all of them.
func (c Checked) bundleText(w io.Writer, count int) {
	uncertain := 0
	for i := range c.Heads {
		for j := range c.Heads[i].Records {
			r := &c.Heads[i].Records[j]
			r.line(w)
			if r.CommitCertain != nil && !*r.CommitCertain {
				uncertain++
			}
		}
	}
	fmt.Fprintf(w, "These %s were in the log at these offsets, unaltered; -o json shows all of their content.\n", tool.Plural(count, "record"))
	fmt.Fprintln(w, "  Times of producers are their claims, and not proven.")
	if uncertain > 0 {
		fmt.Fprintf(w, "  Not proven of %d of them: that the marker is their transaction's, and not that of a later one of the same producer, after their own was aborted. Only producers with Kafka 4's transactions (KIP-890) can show that.\n", uncertain)
	}
	for i := range c.Heads {
		c.Heads[i].text(w)
	}
}

// line is a record on one line.
func (r *Record) line(w io.Writer) {
	cells := []any{fmt.Sprintf("PROVEN: %s/%d@%d", r.Topic, r.Partition, r.Offset)}
	switch r.Kind {
	case "record":
		cells = append(cells, r.time(), "key "+show(r.Key, r.KeyB64))
	case "control":
		cells = append(cells, "-", "a control record")
	default:
		cells = append(cells, "-", "no record")
	}
	if r.CommittedAt != nil {
		cells = append(cells, fmt.Sprintf("committed at %d", *r.CommittedAt))
	}
	tool.Row(w, cells...)
}

// time is the record's, and whose claim that is.
func (r *Record) time() string {
	if r.Timestamp == nil {
		return "-"
	}
	return time.UnixMilli(*r.Timestamp).UTC().Format(time.RFC3339Nano) + " (" + r.TimestampBy + ")"
}
