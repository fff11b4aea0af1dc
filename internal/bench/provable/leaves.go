package provable

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"time"

	"github.com/evidentlog/evident/internal/bench"
)

// LeavesRound is what records cost the ledger from their batch to the disk: CRC,
// entry, salt, tree, files, fsync and signature.
type LeavesRound struct {
	RecordSize       int     `json:"record_bytes"`
	Records          int64   `json:"records"`
	RecordsPerSecond float64 `json:"records_per_second"`
	// CPU is user and system time per record in microseconds, of all threads.
	CPU float64 `json:"cpu_us_per_record"`
	// PerCore is how many records a second a whole core would do.
	PerCore float64 `json:"records_per_core_second"`
	// SHA256 is what the three hashes that a record needs take if crypto/sha256
	// computes them, in microseconds, measured just before.
	SHA256 float64 `json:"three_sha256_us"`
}

// hashTime is how long crypto/sha256 is measured.
const hashTime = 200 * time.Millisecond

func (r *run) leaves(ctx context.Context) error {
	for _, size := range r.cfg.Sizes {
		var rounds []LeavesRound
		for n := range r.cfg.Rounds {
			r.tell(fmt.Sprintf("leaves of %d bytes", size), n+1)
			err := r.inFolder(func(dir string) error {
				round, err := leavesRound(ctx, dir+"/ledger", size, r.cfg.Duration)
				rounds = append(rounds, round)
				return err
			})
			if err != nil {
				return err
			}
		}
		r.res.Leaves = append(r.res.Leaves, LeavesResult{Rounds: rounds, Median: medianLeaves(rounds)})
	}
	return nil
}

func leavesRound(ctx context.Context, dir string, size int, d time.Duration) (LeavesRound, error) {
	round := LeavesRound{RecordSize: size}
	var err error
	if round.SHA256, err = threeHashes(ctx, size); err != nil {
		return round, err
	}
	g, err := openGrower(ctx, dir, size)
	if err != nil {
		return round, err
	}
	defer g.close()
	begin := time.Now()
	before, err := bench.OwnCPU(ctx)
	if err != nil {
		return round, err
	}
	if err := g.addFor(ctx, d, math.MaxInt64); err != nil {
		return round, err
	}
	if err := g.settle(ctx); err != nil {
		return round, err
	}
	after, err := bench.OwnCPU(ctx)
	round.Records = g.to.Next()
	round.RecordsPerSecond = float64(round.Records) / time.Since(begin).Seconds()
	round.CPU = float64(after-before) / 1e3 / float64(round.Records)
	round.PerCore = 1e6 / round.CPU
	return round, err
}

// threeHashes is the time of commitment, leaf and node by crypto/sha256, in µs.
func threeHashes(ctx context.Context, size int) (float64, error) {
	const commitment, leaf, node = 48, 50, 65 // bytes, the first without the value
	messages := [][]byte{make([]byte, commitment+size), make([]byte, leaf), make([]byte, node)}
	before, err := bench.OwnCPU(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for begin := time.Now(); time.Since(begin) < hashTime; n += 1000 {
		for range 1000 {
			for _, m := range messages {
				m[0] = sha256.Sum256(m)[0] // or the compiler could leave it out
			}
		}
	}
	after, err := bench.OwnCPU(ctx)
	return float64(after-before) / 1e3 / float64(n), err
}

func medianLeaves(rounds []LeavesRound) LeavesRound {
	of := func(figure func(LeavesRound) float64) float64 { return bench.MedianOf(rounds, figure) }
	return LeavesRound{
		RecordSize:       rounds[0].RecordSize,
		Records:          int64(of(func(l LeavesRound) float64 { return float64(l.Records) })),
		RecordsPerSecond: of(func(l LeavesRound) float64 { return l.RecordsPerSecond }),
		CPU:              of(func(l LeavesRound) float64 { return l.CPU }),
		PerCore:          of(func(l LeavesRound) float64 { return l.PerCore }),
		SHA256:           of(func(l LeavesRound) float64 { return l.SHA256 }),
	}
}
