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
	erasingHeader = "evident erasing 2\n"
	// erasingHeader1 was before there were announcements.
	erasingHeader1 = "evident erasing 1\n"
	// announcedWord begins the line of a range that was announced.
	announcedWord = "announced "
	// buriedSuffix is that of a segment's file that is to be overwritten.
	buriedSuffix = ".erased"
	// wipePiece is how many bytes of zeros are written at once.
	wipePiece = 1 << 20
)

func (p *Partition) erasingPath() string { return filepath.Join(p.dir, erasingName) }

// A buriedFile is one that is to be overwritten when nobody reads it.
type buriedFile struct {
	owner *owner
	name  string
}

// intendErasure makes durable what is to be erased, besides what is so already.
func (p *Partition) intendErasure(ranges []Range) error {
	erasing, announced := p.wishes()
	return p.noteErasing(mergeRanges(erasing, ranges), announced)
}

// clipErasure gives up what was to be erased from an offset on, where the log ends:
// those records have been cut off, and others will get their offsets.
func (p *Partition) clipErasure(end int64) error {
	erasing, announced := p.wishes()
	reaches := func(ranges []Range) bool { return len(ranges) > 0 && ranges[len(ranges)-1].Last >= end }
	if !reaches(erasing) && !reaches(announced) {
		return nil
	}
	return p.noteErasing(clipped(erasing, end), clipped(announced, end))
}

// forgetErasure notes that all that was to be erased is gone.
func (p *Partition) forgetErasure() error {
	_, announced := p.wishes()
	if err := p.noteErasing(nil, announced); err != nil {
		return p.storageError(err)
	}
	return nil
}

// noteErasing makes durable what is being erased, nil if nothing is, and what was
// announced.
func (p *Partition) noteErasing(erasing, announced []Range) error {
	var err error
	if erasing == nil && len(announced) == 0 {
		if err = p.log.fs.RemoveAll(p.erasingPath()); err == nil {
			err = p.log.fs.SyncDir(p.dir)
		}
	} else {
		err = replaceFile(p.log.fs, p.erasingPath(), encodeErasing(erasing, announced))
	}
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.erasing, p.mu.announced = erasing, announced
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

func encodeErasing(erasing, announced []Range) []byte {
	b := []byte(erasingHeader)
	for _, r := range erasing {
		b = fmt.Appendf(b, "%d %d\n", r.First, r.Last)
	}
	for _, r := range announced {
		b = fmt.Appendf(b, announcedWord+"%d %d\n", r.First, r.Last)
	}
	return b
}

// decodeErasing is the inverse of encodeErasing; erasing is not nil if there is no
// line, which is of an erasure that was cut to nothing.
func decodeErasing(b []byte) (erasing, announced []Range, err error) {
	lines, ok := bytes.CutPrefix(b, []byte(erasingHeader))
	if !ok {
		lines, ok = bytes.CutPrefix(b, []byte(erasingHeader1))
	}
	if !ok {
		return nil, nil, fmt.Errorf("it does not begin with %q: was it written by a newer version?", erasingHeader)
	}
	for line := range bytes.Lines(lines) {
		var r Range
		numbers, isAnnounced := bytes.CutPrefix(line, []byte(announcedWord))
		if n, err := fmt.Sscanf(string(numbers), "%d %d\n", &r.First, &r.Last); n != 2 || err != nil || r.First < 0 || r.Last < r.First {
			return nil, nil, fmt.Errorf("line %q is not the first and the last offset of a range", line)
		}
		if isAnnounced {
			announced = append(announced, r)
		} else {
			erasing = append(erasing, r)
		}
	}
	if len(lines) == 0 {
		return []Range{}, nil, nil
	}
	return mergeRanges(nil, erasing), mergeRanges(nil, announced), nil
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
	erasing, announced, err := decodeErasing(b)
	if err != nil {
		return fmt.Errorf("%w: %s: %w; move it away if nothing is to be erased", ErrCorruption, p.erasingPath(), err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.erasing, p.mu.announced = erasing, announced
	return nil
}

// bury gives the file of a segment that is retired another name, under which it
// waits to be overwritten.
func (p *Partition) bury(s *segment) error {
	name, err := buriedName(p.log.fs, s.logName())
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.mu.buried = append(p.mu.buried, buriedFile{s.owner, name})
	p.mu.Unlock()
	return buryAs(p.log.fs, s.logName(), name)
}

func buryAs(fsys vfs.FS, file, name string) error {
	if err := fsys.Rename(file, name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil // one that was never written
}

// buriedName is a name for a file that is to be overwritten. There may be one of
// the same segment that is still read.
func buriedName(fsys vfs.FS, file string) (string, error) {
	name := file + buriedSuffix
	for n := 1; ; n++ {
		_, err := fsys.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			return name, nil
		}
		if err != nil {
			return "", err
		}
		name = fmt.Sprintf("%s.%d%s", file, n, buriedSuffix)
	}
}

// buryFile is bury while nobody has the segment open.
func buryFile(fsys vfs.FS, file string) error {
	name, err := buriedName(fsys, file)
	if err != nil {
		return err
	}
	return buryAs(fsys, file, name)
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
			if err := buryFile(fsys, filepath.Join(dir, f.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// wipeIdle overwrites and removes the partition's files that are buried, but for
// those that somebody still reads.
func (p *Partition) wipeIdle() error {
	p.mu.Lock()
	read := slices.DeleteFunc(slices.Clone(p.mu.buried), func(b buriedFile) bool { return p.log.files.isIdle(b.owner) })
	p.mu.Unlock()
	list, err := p.log.fs.ReadDir(p.dir)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(f fs.DirEntry) bool {
		name := filepath.Join(p.dir, f.Name())
		return slices.ContainsFunc(read, func(b buriedFile) bool { return b.name == name })
	})
	if err := wipeBuried(p.log.fs, p.dir, list); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.buried = read
	return nil
}

// wipeLeft is wipeIdle where something is buried and no erasure is under way: it was
// announced, and removed before it was begun.
func (p *Partition) wipeLeft() error {
	p.mu.Lock()
	none := len(p.mu.buried) == 0 || p.mu.err != nil
	p.mu.Unlock()
	if none { // as everywhere, nearly always: nobody waits for who has the lock then
		return nil
	}
	p.maintenance.Lock()
	defer p.maintenance.Unlock()
	return p.wipeIdle()
}

// readBuried is the owner of a buried file that somebody still reads, nil if nobody
// reads any.
func (p *Partition) readBuried() *owner {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.mu.buried) == 0 {
		return nil
	}
	return p.mu.buried[0].owner
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

// erasing tells whether an erasure has not been finished. Until it is, files that
// are removed are overwritten first, and compaction waits.
func (p *Partition) erasing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.erasing != nil
}

// resumeErasure goes on with an erasure that was interrupted, and overwrites what was
// removed meanwhile. What is still read is left to the next time.
func (p *Partition) resumeErasure(ctx context.Context) error {
	if !p.erasing() {
		return p.wipeLeft()
	}
	left, read, err := p.tryErasure(ctx)
	if err != nil || read != nil {
		return err
	}
	return p.unreadable(left)
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
