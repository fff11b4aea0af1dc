package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"time"
)

const (
	// diskBlock is what the disk reference appends before each fsync.
	diskBlock = 1 << 20
	// fsyncBlock is what the latency reference appends before each fsync: the
	// least that a disk writes.
	fsyncBlock = 4 << 10
)

// DiskRate is what a plain program gets from the disk: 1-MiB blocks appended to
// a new file, one fsync each.
type DiskRate struct {
	Bytes       int64   `json:"bytes"`
	Seconds     float64 `json:"seconds"`
	MBPerSecond float64 `json:"mb_per_second"` // 10^6 bytes
	Fsync       Latency `json:"fsync"`         // of write and fsync of one block
}

// measureDisk appends blocks to a new file in dir for the given time.
func measureDisk(ctx context.Context, dir string, d time.Duration) (DiskRate, error) {
	var h Histogram
	start := time.Now()
	err := appendSynced(ctx, dir, diskBlock, d, &h)
	elapsed := time.Since(start).Seconds()
	bytes := h.n * diskBlock
	return DiskRate{
		Bytes: bytes, Seconds: elapsed, MBPerSecond: float64(bytes) / elapsed / 1e6, Fsync: h.Latency(),
	}, err
}

// MeasureFsync appends small blocks to a new file in dir for the given time
// and tells how long each took to be on disk.
func MeasureFsync(ctx context.Context, dir string, d time.Duration) (Latency, error) {
	var h Histogram
	err := appendSynced(ctx, dir, fsyncBlock, d, &h)
	return h.Latency(), err
}

// appendSynced appends blocks of the given size to a new file in dir, syncs
// each, records in h how long that took, and removes the file.
func appendSynced(ctx context.Context, dir string, size int, d time.Duration, h *Histogram) (err error) {
	f, err := os.CreateTemp(dir, "evident-bench-*.tmp")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	block := make([]byte, size)
	_, _ = rand.Read(block) // never fails: crypto/rand crashes the program instead
	for begin := time.Now(); time.Since(begin) < d; {
		if err := ctx.Err(); err != nil {
			return err
		}
		start := time.Now()
		if _, err := f.Write(block); err != nil {
			return err
		}
		if err := syncData(f); err != nil {
			return err
		}
		h.Record(time.Since(start))
	}
	return nil
}
