package provable

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/evidentlog/evident/internal/bench"
	"github.com/evidentlog/evident/proof"
)

// ProofsResult is what proofs from a log of some size cost.
type ProofsResult struct {
	Records int64 `json:"records"` // in the log, of 100 bytes each
	Levels  int   `json:"log2"`    // of the size, rounded up
	// Warm and Cold are the time of one proof in microseconds, median and 99th
	// percentile: with the ledger's files in the system's cache, and with all of
	// them thrown out of it before each proof. The node itself caches nothing.
	Warm Quantiles `json:"us"`
	Cold Quantiles `json:"us_from_disk,omitzero"`
	// CPU is user and system time per warm proof in microseconds.
	CPU float64 `json:"cpu_us"`
	// Bytes is the size of the largest proof file; Overhead is that without the
	// record itself, in base64, and the signature that cannot be shortened.
	Bytes     int     `json:"file_bytes"`
	Overhead  int     `json:"file_bytes_without_record"`
	DiskBytes float64 `json:"disk_bytes_per_record"`
}

// Quantiles are of times in microseconds.
type Quantiles struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

const proofRecord = 100 // bytes

func (r *run) proofs(ctx context.Context) error {
	return r.inFolder(func(dir string) error {
		dir += "/ledger"
		g, err := openGrower(ctx, dir, proofRecord)
		if err != nil {
			return err
		}
		defer g.close()
		for i, n := range r.cfg.Logs {
			r.tell(fmt.Sprintf("proofs from %d records", n), i+1)
			if err := g.addFor(ctx, math.MaxInt64, n); err != nil {
				return err
			}
			if err := g.settle(ctx); err != nil {
				return err
			}
			res, err := measureProofs(ctx, g, dir, r.cfg.Count)
			if err != nil {
				return err
			}
			r.res.Proofs = append(r.res.Proofs, res)
		}
		return nil
	})
}

func measureProofs(ctx context.Context, g *grower, dir string, count int) (ProofsResult, error) {
	n := g.to.Next()
	res := ProofsResult{Records: n, Levels: bits.Len64(uint64(n - 1))}
	size, err := folderSize(dir + "/trees")
	if err != nil {
		return res, err
	}
	res.DiskBytes = float64(size) / float64(n)
	if err := warm(ctx, dir); err != nil {
		return res, err
	}
	none := func() error { return nil }
	if _, _, err = g.timeProofs(ctx, max(count/4, 1), &res, none); err != nil { // to warm up
		return res, err
	}
	if res.Warm, res.CPU, err = g.timeProofs(ctx, count, &res, none); err != nil {
		return res, err
	}
	res.Cold, _, err = g.timeProofs(ctx, max(count/20, 1), &res, func() error { return evict(dir) })
	return res, err
}

// timeProofs makes proof files of records all over the log, each after a call of
// prepare, whose time does not count.
func (g *grower) timeProofs(ctx context.Context, count int, res *ProofsResult, prepare func() error) (q Quantiles, cpu float64, err error) {
	times := make([]float64, count)
	before, err := bench.OwnCPU(ctx)
	if err != nil {
		return q, 0, err
	}
	for i := range times {
		if err := prepare(); err != nil {
			return q, 0, err
		}
		r := g.record(rand.Int64N(g.to.Next()))
		begin := time.Now()
		f, err := g.Prove(g.tree.Origin(), r)
		if err != nil {
			return q, 0, err
		}
		text := f.String()
		times[i] = float64(time.Since(begin)) / 1e3
		res.note(f, text)
	}
	after, err := bench.OwnCPU(ctx)
	slices.Sort(times)
	return Quantiles{times[count/2], times[count*99/100]}, float64(after-before) / 1e3 / float64(count), err
}

// note remembers the size of the largest file.
func (res *ProofsResult) note(f *proof.File, text string) {
	if len(text) > res.Bytes {
		res.Bytes = len(text)
		res.Overhead = len(text) - (len(f.Heads[0].Records[0].Extra)+2)/3*4
	}
}

func folderSize(dir string) (n int64, err error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	for _, e := range list {
		info, err := e.Info()
		if err != nil {
			return 0, err
		}
		n += info.Size()
	}
	return n, nil
}

// warm reads all files of a ledger into the system's cache, as far as there is
// memory.
func warm(ctx context.Context, dir string) error {
	return eachFile(dir, func(name string) error {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		for b := make([]byte, 1<<20); err == nil && ctx.Err() == nil; {
			_, err = f.Read(b)
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return errors.Join(err, ctx.Err())
	})
}

// evict throws all files of a ledger out of the system's cache.
func evict(dir string) error { return eachFile(dir, evictFile) }

// eachFile calls a function with the name of each file that proofs are made from.
func eachFile(dir string, do func(name string) error) error {
	for _, pattern := range []string{"/trees/*", "/root/*"} {
		names, err := filepath.Glob(dir + pattern)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := do(name); err != nil {
				return err
			}
		}
	}
	return nil
}
