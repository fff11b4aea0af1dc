package bench

import (
	"bytes"
	"fmt"
	"io"
	"text/tabwriter"
)

// What counts as reachable: the smaller of these shares of the references.
const (
	discardShare = 0.8
	diskShare    = 0.9
)

// ProduceResult is what [Produce] measured.
type ProduceResult struct {
	Topic       string `json:"topic"`
	Partitions  int32  `json:"partitions"`
	RecordSize  int    `json:"record_bytes"`
	Acks        string `json:"acks"`
	Compression string `json:"compression"`
	Clients     int    `json:"clients"`

	Rounds []ProduceRound `json:"rounds"`
	// Median has the median over the rounds in each field; its ratio is the
	// median of the rounds' ratios.
	Median ProduceRound `json:"median"`
}

// ProduceRound is one round: the broker, and the references if asked for.
type ProduceRound struct {
	Broker  Pass      `json:"broker"`
	Discard *Pass     `json:"discard,omitempty"`
	Disk    *DiskRate `json:"disk,omitempty"`
	// DiskRecords is the disk's rate in records of the stored size a second.
	DiskRecords float64 `json:"disk_records_per_second,omitempty"`
	// Reachable is the smaller of 0.8 of what the discarding server took and
	// 0.9 of DiskRecords, in records a second; Ratio is the broker's rate
	// divided by it.
	Reachable float64 `json:"reachable_records_per_second,omitempty"`
	Ratio     float64 `json:"ratio,omitempty"`
}

// compare fills in what follows from the measurements.
func (r *ProduceRound) compare() {
	if r.Discard == nil || r.Disk == nil {
		return
	}
	r.DiskRecords = ratio(r.Disk.MBPerSecond*1e6, r.Broker.BytesPerRecord)
	r.Reachable = min(discardShare*r.Discard.RecordsPerSecond, diskShare*r.DiskRecords)
	r.Ratio = ratio(r.Broker.RecordsPerSecond, r.Reachable)
}

func newProduceResult(cfg ProduceConfig, t topic) *ProduceResult {
	return &ProduceResult{
		Topic: t.name, Partitions: t.partitions, RecordSize: cfg.RecordSize,
		Acks: cfg.Acks, Compression: cfg.Compression, Clients: cfg.Clients,
	}
}

func medianRound(rounds []ProduceRound) ProduceRound {
	m := ProduceRound{
		Broker:      medianPass(rounds, func(r ProduceRound) *Pass { return &r.Broker }),
		DiskRecords: MedianOf(rounds, func(r ProduceRound) float64 { return r.DiskRecords }),
		Reachable:   MedianOf(rounds, func(r ProduceRound) float64 { return r.Reachable }),
		Ratio:       MedianOf(rounds, func(r ProduceRound) float64 { return r.Ratio }),
	}
	if rounds[0].Discard == nil {
		return m
	}
	discard := medianPass(rounds, func(r ProduceRound) *Pass { return r.Discard })
	m.Discard = &discard
	m.Disk = &DiskRate{
		Bytes:       int64(MedianOf(rounds, func(r ProduceRound) float64 { return float64(r.Disk.Bytes) })),
		Seconds:     MedianOf(rounds, func(r ProduceRound) float64 { return r.Disk.Seconds }),
		MBPerSecond: MedianOf(rounds, func(r ProduceRound) float64 { return r.Disk.MBPerSecond }),
		Fsync:       medianLatency(rounds, func(r ProduceRound) Latency { return r.Disk.Fsync }),
	}
	return m
}

// WriteText writes the result for people to read.
func (r *ProduceResult) WriteText(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "produce to %s: %d partitions, %d-byte records, acks=%s, compression %s, %d client(s)\n\n",
		r.Topic, r.Partitions, r.RecordSize, r.Acks, r.Compression, r.Clients)
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(tw, "\trecords/s\tMB/s\tdiscard records/s\tdisk MB/s\treachable records/s\tratio\t\n")
	for i, round := range r.Rounds {
		round.writeRow(tw, fmt.Sprintf("round %d", i+1))
	}
	r.Median.writeRow(tw, "median")
	_ = tw.Flush() // a buffer takes everything
	fmt.Fprintln(&b)
	r.Median.Broker.writeText(&b)
	_, err := b.WriteTo(w)
	return err
}

func (r *ProduceRound) writeRow(w io.Writer, name string) {
	fmt.Fprintf(w, "%s\t%.0f\t%.1f\t", name, r.Broker.RecordsPerSecond, r.Broker.MBPerSecond)
	if r.Discard == nil || r.Disk == nil {
		fmt.Fprint(w, "-\t-\t-\t-\t\n")
		return
	}
	fmt.Fprintf(w, "%.0f\t%.0f\t%.0f\t%.2f\t\n", r.Discard.RecordsPerSecond, r.Disk.MBPerSecond, r.Reachable, r.Ratio)
}
