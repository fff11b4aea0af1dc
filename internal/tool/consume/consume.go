// Package consume is what "evident consume" does: it prints the records of
// topics, alone or as a member of a consumer group.
package consume

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/format"
	"github.com/evidentlog/evident/internal/tool/offset"
	"github.com/evidentlog/evident/internal/tool/progress"
)

// maxPoll is how many records are printed before offsets are committed and
// other members of the group can have their turn.
const maxPoll = 1000

// patience is how long nothing comes before it is found out whether anything is
// still to come: the last records before the end may have been erased.
const patience = 300 * time.Millisecond

// Consume is "evident consume". Its fields are flags.
type Consume struct {
	// Offset is where to begin, as [offset.Parse] reads it; in a group, where
	// nothing is committed yet.
	Offset string
	// Partitions are those to read. Default: all.
	Partitions []int32
	// Group is the consumer group to join. Default: none.
	Group string
	// Count is how many records to print; 0 is no limit.
	Count int64
	// StopAtEnd ends the command at what was the end when it began.
	StopAtEnd bool
	// Format is what [format.NewWriter] takes.
	Format string
}

// Run prints the records of topics until Count or the end is reached, or ctx
// ends, which is no error.
func (c Consume) Run(ctx context.Context, env tool.Env, topics []string) error {
	write, err := format.NewWriter(c.Format)
	if err != nil {
		return err
	}
	from, err := offset.Parse(c.Offset, time.Now())
	if err != nil {
		return err
	}
	if c.Count < 0 {
		return tool.Usagef("--count cannot be negative")
	}
	if c.Group != "" && len(c.Partitions) > 0 {
		return tool.Usagef("a group shares out the partitions itself: leave out --partition or --group")
	}
	p := &printer{Consume: c, env: env, write: write, out: bufio.NewWriterSize(env.Out, 1<<16)}
	if c.Group != "" {
		p.source, err = joinGroup(ctx, env, c, from, topics)
	} else {
		p.source, err = readAlone(ctx, env, c, from, topics)
	}
	if err != nil {
		return err
	}
	defer p.source.close()
	p.bar = p.newBar()
	err = p.run(ctx)
	p.bar.Stop()
	return err
}

// source is where records come from.
type source struct {
	client *tool.Client
	end    *end // nil: there is none
	group  bool
}

// close leaves the group, if there is one, and closes the client.
func (s *source) close() { s.client.CloseAllowingRebalance() }

// printer prints the records of one run.
type printer struct {
	Consume
	*source
	env   tool.Env
	write format.Writer
	out   *bufio.Writer
	bar   *progress.Bar
	count int64
	// looked tells that the log was searched for what is still to come, since
	// records came last.
	looked bool
	line   []byte // scratch space
}

func (p *printer) newBar() *progress.Bar {
	if !p.env.Progress || !p.env.Quiet || p.Count == 0 {
		return nil
	}
	return progress.Start(p.env.Err, "records", p.Count)
}

func (p *printer) run(ctx context.Context) error {
	polling, stop := context.WithCancel(ctx)
	defer stop()
	defer p.stopAtEnd(stop)()
	for !p.finished() && polling.Err() == nil {
		fetches, err := p.poll(polling)
		if err != nil {
			return p.client.Explain(ctx, err)
		}
		printed, err := p.print(fetches)
		if err != nil {
			return err
		}
		if p.group {
			p.client.MarkCommitRecords(printed...)
			p.client.AllowRebalance()
		}
		if err := p.fetchError(fetches); err != nil {
			return p.client.Explain(ctx, err)
		}
	}
	return p.commit(ctx)
}

// poll waits for records. Before the end there must be some, so it does not
// wait for ever then: they can have been removed, and a node can have died.
func (p *printer) poll(ctx context.Context) (kgo.Fetches, error) {
	if p.end == nil {
		return p.client.PollRecords(ctx, p.most()), nil
	}
	most := p.env.Cluster.Timeout
	if !p.looked {
		most = min(most, patience)
	}
	timely, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	fetches := p.client.PollRecords(timely, p.most())
	late, end, waits := p.end.ahead()
	switch nothing := fetches.Empty() && timely.Err() != nil && ctx.Err() == nil; {
	case !nothing || !waits:
		p.looked = p.looked && fetches.Empty()
	case !p.looked:
		p.passGaps(ctx)
		p.looked = true
	default:
		return nil, &tool.LateError{Text: fmt.Sprintf("%s ends before offset %d, but no more of its records came "+
			"within %s: compaction may have removed the last ones", late, end, p.env.Cluster.Timeout)}
	}
	return fetches, nil
}

// stopAtEnd calls stop when the end is reached, for no record may come to tell.
// The function that it returns ends the watch.
func (p *printer) stopAtEnd(stop func()) func() {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-p.end.reached():
			stop()
		case <-quit:
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

// commit commits what was printed since the last time.
func (p *printer) commit(ctx context.Context) error {
	if !p.group {
		return nil
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.env.Cluster.Timeout)
	defer cancel()
	return p.client.Explain(late, p.client.CommitMarkedOffsets(late))
}

func (p *printer) finished() bool {
	return p.Count > 0 && p.count == p.Count || isClosed(p.end.reached())
}

// most is how many records the next poll may return, since one that is polled
// is as good as consumed.
func (p *printer) most() int {
	if left := p.Count - p.count; p.Count > 0 && left < maxPoll {
		return int(left)
	}
	return maxPoll
}

// print prints the records of fetches that are before the end, and returns
// them.
func (p *printer) print(fetches kgo.Fetches) (printed []*kgo.Record, err error) {
	for r := range fetches.RecordsAll() {
		if !p.end.pass(r) {
			continue
		}
		if r.Attrs.IsControl() {
			continue // the end of a transaction: only asked for to see the end
		}
		if p.line, err = p.write(p.line[:0], r); err != nil {
			return printed, err
		}
		if _, err := p.out.Write(p.line); err != nil {
			return printed, err
		}
		printed = append(printed, r)
		p.count++
		p.bar.Add(1)
	}
	return printed, p.out.Flush()
}

// fetchError is the first error of fetches that will not pass by itself.
func (p *printer) fetchError(fetches kgo.Fetches) error {
	for _, e := range fetches.Errors() {
		where := offset.Partition{Topic: e.Topic, Partition: e.Partition}
		var (
			code *kerr.Error
			lost *kgo.ErrDataLoss
		)
		switch {
		case errors.Is(e.Err, context.Canceled), errors.Is(e.Err, context.DeadlineExceeded):
		case errors.As(e.Err, &lost):
			fmt.Fprintf(p.env.Err, "evident: %s was cut off at offset %d, after %d had been consumed\n",
				where, lost.ResetTo, lost.ConsumedTo)
		case errors.As(e.Err, &code):
			return &tool.RefusedError{Doing: "consume " + where.String(), Code: e.Err}
		default:
			return e.Err
		}
	}
	return nil
}
