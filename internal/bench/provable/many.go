package provable

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/evidentlog/evident/internal/bench"
)

// ManyRound is what partitions with a record a second each cost a node, as the
// share of one core that its process uses.
type ManyRound struct {
	Off float64 `json:"core_share_off"`
	On  float64 `json:"core_share_on"`
}

// manySize is the size of the records in bytes.
const manySize = 100

func (r *run) partitions(ctx context.Context) error {
	return r.withNodes(ctx, func(off, on *child) error {
		var rounds []ManyRound
		for n := range r.cfg.Rounds {
			round := ManyRound{}
			for i := range 2 {
				node, share, name := off, &round.Off, "ledger off"
				if (i+n)%2 == 1 {
					node, share, name = on, &round.On, "ledger on"
				}
				r.tell("a record a second each, "+name, n+1)
				var err error
				if *share, err = r.manyPass(ctx, node); err != nil {
					return err
				}
			}
			rounds = append(rounds, round)
		}
		r.res.Many = &ManyResult{Partitions: r.cfg.Many, Rounds: rounds, Median: ManyRound{
			Off: bench.MedianOf(rounds, func(m ManyRound) float64 { return m.Off }),
			On:  bench.MedianOf(rounds, func(m ManyRound) float64 { return m.On }),
		}}
		return nil
	})
}

// manyPass is the share of a core that a node uses under the load, after a while
// of it: making partitions, and their files with the first records, is not what is
// measured.
func (r *run) manyPass(ctx context.Context, c *child) (share float64, err error) {
	cpu := c.target().CPU
	err = withTopic(ctx, c, r.cfg.Many, func(_ *kadm.Client, topic string) error {
		if _, err := paced(ctx, c, topic, r.cfg.Many, manySize, r.cfg.Many, 4*r.cfg.Duration); err != nil {
			return err
		}
		before, err := cpu(ctx)
		if err != nil {
			return err
		}
		begin := time.Now()
		if _, err := paced(ctx, c, topic, r.cfg.Many, manySize, r.cfg.Many, 2*r.cfg.Duration); err != nil {
			return err
		}
		after, err := cpu(ctx)
		share = (after - before).Seconds() / time.Since(begin).Seconds()
		return err
	})
	return share, err
}
