package processing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/evidentlog/evident/internal/bench"
)

const (
	// lookEvery is how often committed positions are looked at.
	lookEvery = 20 * time.Millisecond
	// patience is how long they may stay where they are.
	patience = 2 * time.Minute
)

// errStuck says that a processor has stopped working.
var errStuck = errors.New("processor does not get on")

// A moment is how far a processor is, and what that has cost.
type moment struct {
	at      time.Time
	records int64
	cpu     time.Duration
	broker  time.Duration // of a broker that is not the child
}

// A watch looks at the positions of a processor's group.
type watch struct {
	c     *child
	adm   *kadm.Client
	group string
	input string
}

// watching calls do with a watch of a processor.
func (c *child) watching(group, input string, do func(*watch) error) error {
	return c.withAdmin(func(adm *kadm.Client) error { return do(&watch{c, adm, group, input}) })
}

// committed is the sum of the positions that are committed.
func (w *watch) committed(ctx context.Context) (n int64, err error) {
	offsets, err := w.adm.FetchOffsets(ctx, w.group)
	if err != nil {
		return 0, err
	}
	offsets.Each(func(o kadm.OffsetResponse) {
		if o.Topic == w.input && o.Err == nil {
			n += max(o.At, 0)
		}
	})
	return n, nil
}

// now is the moment with so many records.
func (w *watch) now(ctx context.Context, records int64) (moment, error) {
	m := moment{at: time.Now(), records: records}
	var own, broker error
	m.cpu, own = w.c.cpu(ctx)
	if w.c.broker != 0 {
		m.broker, broker = bench.ProcessCPU(w.c.broker)(ctx)
	}
	return m, errors.Join(own, broker)
}

// await waits until so many records have been gone through for good.
func (w *watch) await(ctx context.Context, records int64) (moment, error) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	last, moved := int64(-1), time.Now()
	for {
		n, err := w.committed(ctx)
		if err != nil && time.Since(moved) > patience {
			return moment{}, err
		}
		if err == nil && n >= records {
			return w.now(ctx, n)
		}
		if n > last {
			last, moved = n, time.Now()
		}
		if time.Since(moved) > patience {
			return moment{}, fmt.Errorf("%w: group %q has committed %d of %d records of topic %q, and no more for %s",
				errStuck, w.group, n, records, w.input, patience)
		}
		select {
		case <-ctx.Done():
			return moment{}, ctx.Err()
		case <-ticker.C:
		}
	}
}
