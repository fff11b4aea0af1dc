package consume

import (
	"context"
	"errors"

	"github.com/evidentlog/evident/internal/ledger/opening"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/tool/offset"
)

// passGaps passes what is left of partitions whose batches are empty up to the
// end, since their records were erased or compacted away: the client reads over
// them without a word. What cannot be read now is waited for.
func (p *printer) passGaps(ctx context.Context) {
	timely, cancel := context.WithTimeout(ctx, p.env.Cluster.Timeout)
	defer cancel()
	client, err := p.env.Connect(timely) // its own, since fetches of one client wait for one another
	if err != nil {
		return
	}
	defer client.Close()
	log := &opening.Reader{Client: client.Client}
	for at, gap := range p.end.gaps() {
		if holdsNothing(timely, log, at, gap) == nil {
			p.end.passGap(at, gap)
		}
	}
}

var errRecord = errors.New("a record stands there")

// holdsNothing tells whether there are batches up to the end of a gap, and no
// record in it; the error tells why not.
func holdsNothing(ctx context.Context, log *opening.Reader, at offset.Partition, gap offset.Span) error {
	span := opening.Span{Topic: at.Topic, Partition: at.Partition, Start: gap.Start, End: gap.End}
	return log.EachBatch(ctx, span, func(b batch.Batch) error {
		for r, err := range log.Codecs().Records(b) {
			if err != nil {
				return err
			}
			if r.Offset >= gap.Start && r.Offset < gap.End {
				return errRecord
			}
		}
		return nil
	})
}
