package provable

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/evidentlog/evident/internal/bench"
)

// producePartitions is how many partitions a topic of a pass has.
const producePartitions = 10

// ProduceRound is the same load on a node without a ledger and on one with.
type ProduceRound struct {
	RecordSize int         `json:"record_bytes"`
	Off        ProducePass `json:"off"`
	On         ProducePass `json:"on"`
	// Ratio is what of the rate is left with the ledger. ProvableRatio counts the
	// time until all records were provable, too.
	Ratio         float64 `json:"ratio"`
	ProvableRatio float64 `json:"provable_ratio"`
}

// ProducePass is a load on one node.
type ProducePass struct {
	RecordsPerSecond float64 `json:"records_per_second"`
	NodeCPU          float64 `json:"node_cpu_us_per_record"`
	ClientCPU        float64 `json:"client_cpu_us_per_record"`
	// CatchUp is how long, in seconds, the ledger needed for the rest after the
	// last acknowledgement, a round of up to a second included; Provable is the
	// rate up to then.
	CatchUp  float64 `json:"catch_up_seconds"`
	Provable float64 `json:"provable_records_per_second"`
}

func (r *run) produce(ctx context.Context) error {
	return r.withNodes(ctx, func(off, on *child) error {
		for _, size := range r.cfg.Sizes {
			var rounds []ProduceRound
			for n := range r.cfg.Rounds {
				round, err := r.produceRound(ctx, off, on, size, n)
				if err != nil {
					return err
				}
				rounds = append(rounds, round)
			}
			r.res.Produce = append(r.res.Produce, ProduceResult{Rounds: rounds, Median: medianProduce(rounds)})
		}
		return nil
	})
}

// withNodes calls do with two nodes, the second of which has a ledger.
func (r *run) withNodes(ctx context.Context, do func(off, on *child) error) error {
	return r.inFolder(func(dir string) (err error) {
		off, err := startChild(ctx, r.cfg.Program, dir+"/off", "off")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, off.stop()) }()
		on, err := startChild(ctx, r.cfg.Program, dir+"/on", "on")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, on.stop()) }()
		return do(off, on)
	})
}

// produceRound measures both nodes; another one comes first in each round.
func (r *run) produceRound(ctx context.Context, off, on *child, size, n int) (ProduceRound, error) {
	round := ProduceRound{RecordSize: size}
	steps := []func() error{
		func() (err error) {
			r.tell(fmt.Sprintf("produce %d bytes, ledger off", size), n+1)
			round.Off, err = r.producePass(ctx, off, size, false)
			return err
		},
		func() (err error) {
			r.tell(fmt.Sprintf("produce %d bytes, ledger on", size), n+1)
			round.On, err = r.producePass(ctx, on, size, true)
			return err
		},
	}
	for i := range steps {
		if err := steps[(i+n)%len(steps)](); err != nil {
			return round, err
		}
	}
	round.Ratio = round.On.RecordsPerSecond / round.Off.RecordsPerSecond
	round.ProvableRatio = round.On.Provable / round.Off.RecordsPerSecond
	return round, nil
}

func (r *run) producePass(ctx context.Context, c *child, size int, ledger bool) (pass ProducePass, err error) {
	t := c.target()
	adm, err := kadm.NewOptClient(t.Client...)
	if err != nil {
		return pass, err
	}
	defer adm.Close()
	topic := fmt.Sprintf("bench-%d", time.Now().UnixNano())
	defer func() {
		_, deleted := adm.DeleteTopics(ctx, topic)
		err = errors.Join(err, deleted)
	}()
	before, err := t.CPU(ctx)
	if err != nil {
		return pass, err
	}
	p, err := bench.Produce(ctx, bench.ProduceConfig{
		Target: t, Topic: topic, Partitions: producePartitions, RecordSize: size, Duration: r.cfg.Duration, Warmup: -1, Rounds: 1,
	})
	if err != nil {
		return pass, err
	}
	b := p.Median.Broker
	pass = ProducePass{RecordsPerSecond: b.RecordsPerSecond, Provable: b.RecordsPerSecond, ClientCPU: b.ClientCPU}
	if ledger {
		all, err := ends(ctx, adm, topic)
		if err != nil {
			return pass, err
		}
		late, err := c.catchUp(ctx, topic, producePartitions, all)
		if err != nil {
			return pass, err
		}
		pass.CatchUp = late.Seconds()
		pass.Provable = float64(b.Records) / (b.Seconds + pass.CatchUp)
	}
	after, err := t.CPU(ctx)
	pass.NodeCPU = float64(after-before) / 1e3 / float64(b.Records)
	return pass, err
}

func medianProduce(rounds []ProduceRound) ProduceRound {
	of := func(figure func(ProduceRound) float64) float64 { return bench.MedianOf(rounds, figure) }
	pass := func(which func(*ProduceRound) *ProducePass) ProducePass {
		return ProducePass{
			RecordsPerSecond: of(func(r ProduceRound) float64 { return which(&r).RecordsPerSecond }),
			NodeCPU:          of(func(r ProduceRound) float64 { return which(&r).NodeCPU }),
			ClientCPU:        of(func(r ProduceRound) float64 { return which(&r).ClientCPU }),
			CatchUp:          of(func(r ProduceRound) float64 { return which(&r).CatchUp }),
			Provable:         of(func(r ProduceRound) float64 { return which(&r).Provable }),
		}
	}
	return ProduceRound{
		RecordSize:    rounds[0].RecordSize,
		Off:           pass(func(r *ProduceRound) *ProducePass { return &r.Off }),
		On:            pass(func(r *ProduceRound) *ProducePass { return &r.On }),
		Ratio:         of(func(r ProduceRound) float64 { return r.Ratio }),
		ProvableRatio: of(func(r ProduceRound) float64 { return r.ProvableRatio }),
	}
}
