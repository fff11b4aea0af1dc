package log

import (
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/evidentlog/evident/internal/log/batch"
)

// Suffixes of the files in a partition's folder. docs/format/log.md has the
// rules of their life.
const (
	logSuffix       = ".log"
	indexSuffix     = ".index"
	timeIndexSuffix = ".timeindex"
	cleanedSuffix   = ".cleaned"
	swapSuffix      = ".swap"
	tmpSuffix       = ".tmp" // being written
)

// segmentPath is the path of a segment's files without suffix: Kafka's twenty
// digits of the base offset.
func segmentPath(dir string, base int64) string {
	return filepath.Join(dir, fmt.Sprintf("%020d", base))
}

// segmentBase is the inverse for the name of a .log file.
func segmentBase(name string) (int64, bool) {
	digits, ok := strings.CutSuffix(name, logSuffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	base, err := strconv.ParseInt(digits, 10, 64)
	return base, err == nil && base >= 0
}

// segment is a run of a partition's batches in one .log file with its indexes.
// Its fields are guarded by the partition's lock, except those that never
// change.
type segment struct {
	base  int64  // offset of the first record it may hold; never changes
	path  string // without suffix; never changes
	owner *owner // of its files; never changes

	next    int64 // offset after its last record
	size    int64 // bytes of batches, in the file or in the tail
	flushed int64 // bytes of batches known durable in the .log file
	written int64 // bytes of batches written to the .log file, not less than flushed
	onDisk  bool  // the .log file exists and its name is durable
	sealed  bool  // no more appends come
	exact   bool  // sealed, and the files are cut to size and durable
	gone    bool  // removed or replaced

	distrusted bool // the indexes have been built anew because they were wrong

	maxTime       int64 // largest timestamp, ms; -1 if there is none
	maxTimeOffset int64 // last offset of the batch that has it, or -1
	indexedTime   int64 // timestamp of the last entry of the time index
	created       int64 // ms: when the first batch was appended (for segment.ms)
	sinceIndex    int64 // bytes since the last index entry

	offsets index
	times   index
	aborted index
	tail    tail
}

func newSegment(dir string, base int64, pool *chunkPool) *segment {
	s := &segment{base: base, next: base, path: segmentPath(dir, base), owner: new(owner), maxTime: -1, maxTimeOffset: -1, indexedTime: math.MinInt64, tail: tail{pool: pool}}
	s.offsets = index{owner: s.owner, name: s.path + indexSuffix, entry: offsetEntry}
	s.times = index{owner: s.owner, name: s.path + timeIndexSuffix, entry: timeEntry}
	s.aborted = index{owner: s.owner, name: s.path + abortIndexSuffix, entry: abortEntrySize}
	return s
}

func (s *segment) logName() string { return s.path + logSuffix }

// open opens the segment's .log file, which exists; see fileCache.open.
func (s *segment) open(files *fileCache, direct bool) (*cachedFile, error) {
	return files.open(s.owner, s.logName(), direct)
}

// create is open for writing, of a file that may not exist yet.
func (s *segment) create(files *fileCache) (*cachedFile, error) {
	return files.create(s.owner, s.logName())
}

// end is the place after the segment's last batch.
func (s *segment) end() place { return place{s, s.size, s.next, s.maxTime} }

// maxSegment is the size that no segment exceeds, but for one that is a single
// batch: Kafka's index entries hold positions as signed 32-bit numbers.
const maxSegment = math.MaxInt32

// fits tells whether a batch of n bytes, ending at offset last, can go into
// the segment.
func (s *segment) fits(n int, last int64, st *Settings) bool {
	if s.size == 0 {
		return true
	}
	return s.size+int64(n) <= min(st.SegmentBytes, maxSegment) && last-s.base <= math.MaxInt32
}

// note takes b, which lies at file position pos, into the indexes. As in Kafka,
// an entry carries its batch's last offset.
func (s *segment) note(b batch.Batch, pos int64, interval int64) {
	s.next = b.NextOffset()
	if t := b.MaxTimestamp(); t > s.maxTime || s.maxTimeOffset < 0 {
		s.maxTime, s.maxTimeOffset = t, b.LastOffset()
	}
	if s.sinceIndex > interval || s.offsets.len() == 0 {
		s.sinceIndex = 0
		s.offsets.pending = appendOffsetEntry(s.offsets.pending, uint32(b.LastOffset()-s.base), uint32(pos))
		s.noteTime()
	}
	s.sinceIndex += int64(len(b))
}

// noteTime adds the largest timestamp so far to the time index: every record
// with a larger timestamp comes after the batch that has it.
func (s *segment) noteTime() {
	if s.maxTimeOffset < 0 || s.maxTime <= s.indexedTime {
		return
	}
	s.indexedTime = s.maxTime
	s.times.pending = appendTimeEntry(s.times.pending, s.maxTime, uint32(s.maxTimeOffset-s.base))
}

// append adds the batch to the tail and the indexes.
func (s *segment) append(b batch.Batch, st *Settings, now int64) {
	if s.size == 0 {
		s.created = now
	}
	s.note(b, s.size, st.IndexIntervalBytes)
	s.tail.append(s.size, b)
	s.size += int64(len(b))
}

// files are the names of the segment's files.
func (s *segment) files() []string {
	return []string{s.path + logSuffix, s.path + indexSuffix, s.path + timeIndexSuffix, s.path + abortIndexSuffix}
}

// remove removes the segment's files for good. A file that is not there is no
// error. The names' removal is made durable by the caller.
func (s *segment) remove(files *fileCache) error {
	files.retire(s.owner, s.files()...)
	for _, name := range s.files() {
		if err := files.fs.RemoveAll(name); err != nil {
			return err
		}
	}
	return nil
}
