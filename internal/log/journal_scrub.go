package log

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/evidentlog/evident/internal/vfs"
)

// sweepFiles is how many more files a sweep hands on for release than there are
// live ones: one that is free, one that is ready, and the answer.
const sweepFiles = 3

// scrub overwrites all that the journal has of records that are in segments by
// now: whoever erases a record has flushed its partition. What others append
// meanwhile goes on, in new files.
//
// All files are retired, released in their order, and overwritten from end to
// end. A file that was released a moment before may come back unscrubbed with the
// first turn; with the second there is none.
func (j *journal) scrub(ctx context.Context) error {
	select {
	case j.scrubbing <- struct{}{}:
		defer func() { <-j.scrubbing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	j.scrubs.Add(1)
	defer j.scrubs.Add(-1)
	for range 2 {
		if err := j.sweep(ctx); err != nil {
			return err
		}
	}
	return nil
}

// sweep has run retire all files, and waits until they are released.
func (j *journal) sweep(ctx context.Context) error {
	done := make(chan error, 1)
	select {
	case j.sweeps <- done:
	case <-j.ended:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	j.queue.push(nil)
	select {
	case err := <-done:
		return err
	case <-j.ended:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// takeSweep does what sweep asks for, which a nil among the partitions tells of.
func (j *journal) takeSweep(list []*Partition) []*Partition {
	list = slices.DeleteFunc(list, func(p *Partition) bool { return p == nil })
	select {
	case done := <-j.sweeps:
		j.retireAll(done)
	default:
	}
	return list
}

// retireAll hands all files on for release, those that were prepared for use too,
// and has done answered behind them.
func (j *journal) retireAll(done chan error) {
	if f := j.current; f != nil {
		j.current = nil
		j.full <- f
	}
	if j.preparing {
		j.preparing = false
		j.hurry.Store(true) // all commits wait meanwhile
		f := <-j.ready
		j.hurry.Store(false)
		if f != nil {
			j.full <- f
		}
	}
	if f := j.takeFree(); f != nil {
		j.full <- f
	}
	j.full <- &journalFile{swept: done}
}

// scrubFile overwrites a file that was released, so that nothing of its rounds
// is left, also not of an earlier use of it. Its head goes first, for good:
// recovery must not take a half for damage.
func (j *journal) scrubFile(name string) (err error) {
	f, err := j.log.fs.Open(name, vfs.Write)
	if err != nil {
		return err
	}
	defer func() {
		if closed := f.Close(); err == nil {
			err = closed
		}
	}()
	if err := zeroRange(f, 0, vfs.BlockSize); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	size, err := f.Size()
	if err != nil {
		return err
	}
	if err := zeroRange(f, 0, size); err != nil {
		return err
	}
	return f.Sync()
}

// removeUsed removes a file that may have records. They are overwritten: who
// erases one of them later must not have to look for blocks that were freed.
func (j *journal) removeUsed(name string) error {
	err := j.scrubFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a removal was answered with an error, and took place
	}
	if err != nil {
		return err
	}
	return j.remove(name)
}
