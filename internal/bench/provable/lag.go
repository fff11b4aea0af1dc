package provable

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"golang.org/x/sync/errgroup"
)

// LagResult is how far the ledger lagged behind a load.
type LagResult struct {
	RecordSize int     `json:"record_bytes"`
	Rate       int     `json:"asked_records_per_second"`
	Reached    float64 `json:"records_per_second"`
	// Seconds is how old the newest provable record was, and so how long a record
	// waited for its proof: median and the most, of many looks.
	Seconds    float64 `json:"lag_seconds"`
	MaxSeconds float64 `json:"max_lag_seconds"`
	MaxRecords int64   `json:"max_lag_records"`
}

// lookEvery is how often the lag is looked at.
const lookEvery = 50 * time.Millisecond

func (r *run) lag(ctx context.Context) error {
	r.tell(fmt.Sprintf("lag at %d records/s", r.cfg.Rate), 1)
	return r.inFolder(func(dir string) error {
		c, err := startChild(ctx, r.cfg.Program, dir+"/on", "on")
		if err != nil {
			return err
		}
		defer c.stop()
		return withTopic(ctx, c, producePartitions, func(adm *kadm.Client, topic string) error {
			res := &LagResult{RecordSize: r.cfg.LagSize, Rate: r.cfg.Rate}
			r.res.Lag = res
			sampling, stop := context.WithCancel(ctx)
			defer stop()
			var group errgroup.Group
			group.Go(func() (err error) {
				defer stop()
				res.Reached, err = paced(ctx, c, topic, producePartitions, r.cfg.LagSize, r.cfg.Rate, 2*r.cfg.Duration)
				return err
			})
			group.Go(func() error { return res.watch(sampling, c, adm, topic) })
			return group.Wait()
		})
	})
}

// A moment is when a topic had so many records.
type moment struct {
	at  time.Time
	all int64
}

// watch looks at the lag until ctx ends.
func (res *LagResult) watch(ctx context.Context, c *child, adm *kadm.Client, topic string) error {
	var history []moment
	var lags []float64
	for ctx.Err() == nil {
		all, err := ends(ctx, adm, topic)
		if err != nil {
			break
		}
		now := time.Now()
		history = append(history, moment{now, all})
		done, err := c.covered(ctx, topic, producePartitions)
		if err != nil {
			break
		}
		lags = append(lags, behind(history, done).Seconds())
		res.MaxRecords = max(res.MaxRecords, all-done)
		time.Sleep(lookEvery)
	}
	if len(lags) > 0 {
		slices.Sort(lags)
		res.Seconds, res.MaxSeconds = lags[len(lags)/2], lags[len(lags)-1]
	}
	return nil
}

// behind is how long ago, at the end of the history, there were as many records
// as are done now.
func behind(history []moment, done int64) time.Duration {
	last := history[len(history)-1]
	for _, m := range history {
		if m.all > done {
			return last.at.Sub(m.at)
		}
	}
	return 0
}
