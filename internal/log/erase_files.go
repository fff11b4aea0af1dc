package log

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evidentlog/evident/internal/vfs"
)

// docs/format/log.md describes the files.
const (
	// erasingName is the file with what is being erased from a partition.
	erasingName   = "erasing"
	erasingHeader = "evident erasing 1\n"
	// buriedSuffix is that of a segment's file that is to be overwritten.
	buriedSuffix = ".erased"
	// wipePiece is how many bytes of zeros are written at once.
	wipePiece = 1 << 20
)

func (p *Partition) erasingPath() string { return filepath.Join(p.dir, erasingName) }

// intendErasure makes durable what is to be erased, besides what is so already.
func (p *Partition) intendErasure(ranges []Range) error {
	p.mu.Lock()
	all := mergeRanges(p.mu.erasing, ranges)
	p.mu.Unlock()
	if err := replaceFile(p.log.fs, p.erasingPath(), encodeErasing(all)); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.erasing = all
	return nil
}

// forgetErasure notes that all that was to be erased is gone.
func (p *Partition) forgetErasure() error {
	if err := p.log.fs.RemoveAll(p.erasingPath()); err != nil {
		return p.storageError(err)
	}
	if err := p.log.fs.SyncDir(p.dir); err != nil {
		return p.storageError(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.erasing = nil
	return nil
}

// mergeRanges is both, in rising order.
func mergeRanges(a, b []Range) []Range {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(x, y Range) int { return int(max(-1, min(1, x.First-y.First))) })
	out := all[:0]
	for _, r := range all {
		if n := len(out); n > 0 && r.First-1 <= out[n-1].Last {
			out[n-1].Last = max(out[n-1].Last, r.Last)
			continue
		}
		out = append(out, r)
	}
	return out
}

func encodeErasing(ranges []Range) []byte {
	b := []byte(erasingHeader)
	for _, r := range ranges {
		b = fmt.Appendf(b, "%d %d\n", r.First, r.Last)
	}
	return b
}

func decodeErasing(b []byte) (ranges []Range, err error) {
	lines, ok := bytes.CutPrefix(b, []byte(erasingHeader))
	if !ok {
		return nil, fmt.Errorf("it does not begin with %q: was it written by a newer version?", erasingHeader)
	}
	for line := range bytes.Lines(lines) {
		var r Range
		if n, err := fmt.Sscanf(string(line), "%d %d\n", &r.First, &r.Last); n != 2 || err != nil || r.First < 0 || r.Last < r.First {
			return nil, fmt.Errorf("line %q is not the first and the last offset of a range", line)
		}
		ranges = append(ranges, r)
	}
	return mergeRanges(nil, ranges), nil
}

// readErasing learns what an earlier start was to erase.
func (p *Partition) readErasing() error {
	b, err := readFile(p.log.fs, p.erasingPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	ranges, err := decodeErasing(b)
	if err != nil {
		return fmt.Errorf("%w: %s: %w; move it away if nothing is to be erased", ErrCorruption, p.erasingPath(), err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.erasing = ranges
	return nil
}

// buryFile gives the file of a segment that is about to be replaced another name,
// under which it waits to be overwritten.
func (e *erasure) buryFile(s *segment) error {
	e.p.mu.Lock()
	e.p.mu.buried = append(e.p.mu.buried, s.owner)
	e.p.mu.Unlock()
	return e.p.log.fs.Rename(s.logName(), s.logName()+buriedSuffix)
}

// buryRange does so for the segments that a swap file is to replace, if the swap
// did not come to it.
func buryRange(fsys vfs.FS, dir, swap string) error {
	base, next, err := swapRange(dir, swap)
	if err != nil {
		return err
	}
	list, err := fsys.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range list {
		if b, ok := segmentBase(f.Name()); ok && base <= b && b < next {
			name := filepath.Join(dir, f.Name())
			if err := fsys.Rename(name, name+buriedSuffix); err != nil {
				return err
			}
		}
	}
	return nil
}

// wipeAll overwrites and removes the partition's files that are buried, as soon as
// nobody reads them any more.
func (e *erasure) wipeAll() error {
	e.p.mu.Lock()
	owners := e.p.mu.buried
	e.p.mu.Unlock()
	for _, o := range owners {
		if err := e.p.log.files.awaitIdle(e.ctx, o); err != nil {
			return fmt.Errorf("waiting for reads of what was erased: %w", err)
		}
	}
	list, err := e.p.log.fs.ReadDir(e.p.dir)
	if err == nil {
		err = wipeBuried(e.p.log.fs, e.p.dir, list)
	}
	if err != nil {
		return err
	}
	e.p.mu.Lock()
	defer e.p.mu.Unlock()
	e.p.mu.buried = nil
	return nil
}

func wipeBuried(fsys vfs.FS, dir string, list []fs.DirEntry) error {
	for _, f := range list {
		if !strings.HasSuffix(f.Name(), buriedSuffix) {
			continue
		}
		if err := removeWiped(fsys, filepath.Join(dir, f.Name())); err != nil {
			return err
		}
		if err := fsys.SyncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// erasing tells whether an erasure has not been finished. Until it is, nothing else
// may remove the files that it is about.
func (p *Partition) erasing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.mu.erasing) > 0
}

// resumeErasure goes on with an erasure that was interrupted.
func (p *Partition) resumeErasure(ctx context.Context) error {
	p.maintenance.Lock()
	defer p.maintenance.Unlock()
	if !p.erasing() || p.Err() != nil {
		return nil
	}
	return p.finishErasure(ctx)
}

// removeWiped removes a file, if it is there, after overwriting it: what it has may
// be erased later, where it was copied to.
func removeWiped(fsys vfs.FS, name string) error {
	err := wipe(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return fsys.Remove(name)
}

// wipe overwrites all bytes of a file with zeros, durably.
func wipe(fsys vfs.FS, name string) (err error) {
	f, err := fsys.Open(name, vfs.Write)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return err
	}
	if err := zeroRange(f, 0, size); err != nil {
		return err
	}
	return f.Sync()
}

// zeroRange overwrites the bytes [from, to) of a file.
func zeroRange(f vfs.File, from, to int64) error {
	zeros := vfs.AlignedBuffer(wipePiece)
	for at := from; at < to; at += wipePiece {
		if _, err := f.WriteAt(zeros[:min(wipePiece, to-at)], at); err != nil {
			return err
		}
	}
	return nil
}
