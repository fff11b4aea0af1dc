package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// maxUnderWay is how many orders may be without a final status before the feed
// waits: it bounds memory and keeps the latency from being that of a queue as
// long as the file. Where the node is killed there are fewer, so that it is
// always killed while orders are under way.
const (
	maxUnderWay        = 512
	maxUnderWayOfKills = 16
)

// feed turns rows into the events that start it all. It is used by one
// goroutine.
type feed struct {
	rows     *rowReader
	speed    float64 // how many times faster than it really was; 0: unpaced
	run      string
	underWay int // orders that may be without a final status at a time
	outputs  *outbox
	seen     *observer
	progress func(Progress)

	assembler  *assembler
	undoer     *undoer
	counts     FeedCounts
	firstOrder string
	first      time.Time // of the first invoice, by the clock of the data
	start      time.Time // when that was sent
	reported   time.Time // when progress was last called
}

func newFeed(rows *rowReader, cfg Config, outputs *outbox, seen *observer) *feed {
	f := &feed{
		rows: rows, speed: cfg.Speed, run: seen.run, underWay: maxUnderWay, outputs: outputs, seen: seen, progress: cfg.Progress,
		assembler: newAssembler(), undoer: newUndoer(), start: time.Now(),
	}
	if cfg.Kills > 0 {
		f.underWay = maxUnderWayOfKills
	}
	f.counts.Rows.Defects = make(map[Defect]int)
	f.counts.Rows.RefusedBy = make(map[Reason]int)
	f.counts.Rows.Remarks = make(map[Remark]int)
	return f
}

// send sends all rows' events and returns when they are durable.
func (f *feed) send(ctx context.Context) error {
	for {
		raw, err := f.rows.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("orders: %w", err)
		}
		if err := f.row(ctx, raw); err != nil {
			return err
		}
		if err := f.invoices(ctx, f.assembler.complete()); err != nil {
			return err
		}
	}
	if err := f.invoices(ctx, f.assembler.rest()); err != nil {
		return err
	}
	return f.outputs.wait()
}

// row accepts a row into its invoice, or refuses it with a reason.
func (f *feed) row(ctx context.Context, raw rawRow) error {
	f.counts.Rows.Read++
	row, reason := raw.parse()
	if reason == "" {
		for _, defect := range defects(row) {
			f.counts.Rows.Defects[defect]++
		}
		reason = judge(row)
	}
	if reason != "" {
		if invoice := raw.fields[colInvoice]; invoice != "" && reason.legible() {
			f.assembler.refuse(invoice, row.At)
		}
		return f.refuse(ctx, raw, reason)
	}
	reason, repeated := f.assembler.add(row)
	if reason != "" {
		return f.refuse(ctx, raw, reason)
	}
	f.counts.Rows.Accepted++
	for _, remark := range remarks(row) {
		f.counts.Rows.Remarks[remark]++
	}
	if repeated {
		f.counts.Rows.Remarks[RemarkRepeated]++
	}
	return nil
}

// RefusedRow is the data of RowRefused.
type RefusedRow struct {
	Row    int               `json:"row"` // from 1, after the header
	Reason Reason            `json:"reason"`
	Fields map[string]string `json:"fields,omitempty"` // as they stand in the file; none if they cannot be told apart
}

// refuse counts a row that is no line of an order, and keeps it in a topic of
// its own, so that nothing is lost.
func (f *feed) refuse(ctx context.Context, raw rawRow, reason Reason) error {
	f.counts.Rows.Refused++
	f.counts.Rows.RefusedBy[reason]++
	data := RefusedRow{Row: raw.number, Reason: reason}
	if reason.legible() {
		data.Fields = make(map[string]string, len(columns))
		for i, name := range columns {
			data.Fields[name] = raw.fields[i]
		}
	}
	name := fmt.Sprintf("row-%d", raw.number)
	return f.say(ctx, draft{eventType: RowRefused, order: name, data: data}, time.Now())
}

// invoices sends complete invoices as events.
func (f *feed) invoices(ctx context.Context, complete []*Invoice) error {
	for _, invoice := range complete {
		f.counts.Invoices.Read++
		if len(invoice.Lines) == 0 {
			f.counts.Invoices.WithoutLines++
			continue
		}
		if err := f.pace(ctx, invoice.At); err != nil {
			return err
		}
		if err := f.seen.room(ctx, f.underWay); err != nil {
			return err
		}
		if err := f.order(ctx, invoice); err != nil {
			return err
		}
	}
	return nil
}

// order sends an invoice's event.
func (f *feed) order(ctx context.Context, invoice *Invoice) error {
	order := newOrder(invoice, f.undoer)
	f.counts.order(order)
	f.firstOrder = cmp.Or(f.firstOrder, order.Order)
	f.seen.begin(order.Order)
	if err := f.say(ctx, order.draft(), instant(invoice.At)); err != nil {
		return err
	}
	f.report(false)
	return nil
}

// say sends an event that nothing led to.
func (f *feed) say(ctx context.Context, d draft, at time.Time) error {
	e, err := d.event(f.run+TopicOrders, nil, at)
	if err != nil {
		return err
	}
	if err := f.outputs.send(ctx, &e, at); err != nil {
		return err
	}
	return f.outputs.err()
}

// pace waits until the moment at which an invoice of that time is due.
func (f *feed) pace(ctx context.Context, at time.Time) error {
	if f.first.IsZero() {
		f.first, f.start = at, time.Now()
	}
	if f.speed == 0 {
		return nil
	}
	wait := time.Until(f.start.Add(due(at.Sub(f.first), f.speed)))
	if wait <= 0 {
		return nil
	}
	f.report(true)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// due is how long after the start something is due that really happened that
// long after the first invoice.
func due(after time.Duration, speed float64) time.Duration {
	return time.Duration(float64(after) / speed)
}

// progressEvery is the least time between two calls of Config.Progress.
const progressEvery = 100 * time.Millisecond

// report tells how far the feed is, now or if it was not told for a while.
func (f *feed) report(now bool) {
	if f.progress == nil || !now && time.Since(f.reported) < progressEvery {
		return
	}
	f.reported = time.Now()
	f.progress(Progress{Rows: f.counts.Rows.Read, Orders: f.counts.started(), Finished: f.seen.finished()})
}
