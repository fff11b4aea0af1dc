package bench

import (
	"bytes"
	"fmt"
	"io"
	"text/tabwriter"
)

// TransactionsResult is what [Transactions] measured.
type TransactionsResult struct {
	Topic      string `json:"topic"`
	Partitions int32  `json:"partitions"`
	Producers  int    `json:"producers"`
	Records    int    `json:"records_per_transaction"`
	RecordSize int    `json:"record_bytes"`

	Rounds []TransactionsRound `json:"rounds"`
	// Median has the median over the rounds in each field.
	Median TransactionsRound `json:"median"`
}

// TransactionsRound is one round: the broker, and the disk if asked for.
type TransactionsRound struct {
	Pass
	TransactionsPerSecond float64 `json:"transactions_per_second"`
	// Transaction is the time from the first record to the answer to EndTxn;
	// EndTxn is that of EndTxn alone.
	Transaction Latency `json:"transaction_latency"`
	EndTxn      Latency `json:"end_txn_latency"`
	// Fsyncs is how often a second 4 KiB are appended to a file and synced, 0 if
	// that was not measured.
	Fsyncs float64 `json:"fsyncs_per_second,omitempty"`
}

// fill takes over what the producers measured.
func (r *TransactionsRound) fill(producers []*transactor) {
	var whole, last Histogram
	for _, p := range producers {
		whole.add(&p.whole)
		last.add(&p.last)
	}
	r.Transaction, r.EndTxn = whole.Latency(), last.Latency()
	r.TransactionsPerSecond = ratio(float64(whole.n), r.Seconds)
}

func newTransactionsResult(cfg TransactionsConfig, t topic) *TransactionsResult {
	return &TransactionsResult{
		Topic: t.name, Partitions: t.partitions, Producers: cfg.Producers, Records: cfg.Records, RecordSize: cfg.RecordSize,
	}
}

func medianTransactionsRound(rounds []TransactionsRound) TransactionsRound {
	return TransactionsRound{
		Pass:                  medianPass(rounds, func(r TransactionsRound) *Pass { return &r.Pass }),
		TransactionsPerSecond: MedianOf(rounds, func(r TransactionsRound) float64 { return r.TransactionsPerSecond }),
		Transaction:           medianLatency(rounds, func(r TransactionsRound) Latency { return r.Transaction }),
		EndTxn:                medianLatency(rounds, func(r TransactionsRound) Latency { return r.EndTxn }),
		Fsyncs:                MedianOf(rounds, func(r TransactionsRound) float64 { return r.Fsyncs }),
	}
}

// WriteText writes the result for people to read.
func (r *TransactionsResult) WriteText(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "transactions of %d records of %d bytes on %s: %d partitions, %d producer(s)\n\n",
		r.Records, r.RecordSize, r.Topic, r.Partitions, r.Producers)
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(tw, "\ttransactions/s\trecords/s\tms p50\tp99\tEndTxn p50\tp99\tfsyncs/s\t\n")
	for i, round := range r.Rounds {
		round.writeRow(tw, fmt.Sprintf("round %d", i+1))
	}
	r.Median.writeRow(tw, "median")
	_ = tw.Flush() // a buffer takes everything
	fmt.Fprintln(&b)
	r.Median.writeText(&b)
	_, err := b.WriteTo(w)
	return err
}

func (r *TransactionsRound) writeRow(w io.Writer, name string) {
	fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\t", name, r.TransactionsPerSecond, r.RecordsPerSecond,
		r.Transaction.P50, r.Transaction.P99, r.EndTxn.P50, r.EndTxn.P99)
	if r.Fsyncs == 0 {
		fmt.Fprint(w, "-\t\n")
		return
	}
	fmt.Fprintf(w, "%.0f\t\n", r.Fsyncs)
}
