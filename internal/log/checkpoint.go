package log

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// docs/format/log.md describes the file.
const (
	checkpointName    = "checkpoint"
	cleanName         = "clean-shutdown"
	checkpointMagic   = "EVCHECKP"
	checkpointVersion = 3
)

// errVersion says that a newer version wrote a file.
var errVersion = errors.New("use the version of evident that wrote the data folder, or choose another folder")

// mark is a point up to which a partition's records are known to be durable in
// their segments' files, with what recovery needs to go on from there.
type mark struct {
	offset        int64 // of the record that comes next
	base          int64 // of the segment
	pos           int64 // in its .log file
	offsetEntries int   // entries of its .index before pos
	timeEntries   int   // entries of its .timeindex
	abortEntries  int   // entries of its .txnindex, or unknownEntries
	maxTime       int64
	maxTimeOffset int64
	indexedTime   int64
	created       int64
}

func (s *segment) mark() mark {
	return mark{s.next, s.base, s.size, s.offsets.len(), s.times.len(), s.aborted.len(), s.maxTime, s.maxTimeOffset, s.indexedTime, s.created}
}

// checkpoint is what the checkpoint file says of one partition.
type checkpoint struct {
	mark
	logStart  int64
	cleaned   int64
	producers *producerTable
}

// partKey names a partition in files. It does not depend on the topic's name.
type partKey struct {
	topic     [16]byte
	partition int32
}

func (id ID) key() partKey { return partKey{id.TopicID, id.Partition} }

// checkpoint returns what the next checkpoint file is to say of p, nil for
// nothing. last is what the last one said, which stays true while p is stopped.
func (p *Partition) checkpoint(last *checkpoint) *checkpoint {
	p.mu.Lock()
	defer p.mu.Unlock()
	stopped := p.mu.err != nil && !p.mu.lowered && !errors.Is(p.mu.err, ErrClosed)
	if stopped || p.mu.damaged {
		return last
	}
	m := p.mu.flushed
	return &checkpoint{mark: m, logStart: p.LogStart(), cleaned: p.mu.cleaned, producers: p.mu.producers.below(m.offset)}
}

// encodeCheckpoints is the checkpoint file's contents.
func encodeCheckpoints(all map[partKey]*checkpoint) []byte {
	b := append([]byte(nil), checkpointMagic...)
	b = binary.BigEndian.AppendUint32(b, checkpointVersion)
	b = binary.BigEndian.AppendUint32(b, uint32(len(all)))
	for k, c := range all {
		b = append(b, k.topic[:]...)
		b = binary.BigEndian.AppendUint32(b, uint32(k.partition))
		b = c.append(b)
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func (c *checkpoint) append(b []byte) []byte {
	for _, v := range []int64{c.offset, c.base, c.pos, int64(c.offsetEntries), int64(c.timeEntries),
		c.maxTime, c.maxTimeOffset, c.indexedTime, c.created, c.logStart, c.cleaned, int64(c.abortEntries), int64(len(c.producers.byID))} {
		b = binary.BigEndian.AppendUint64(b, uint64(v))
	}
	for id, p := range c.producers.byID {
		b = binary.BigEndian.AppendUint64(b, uint64(id))
		b = binary.BigEndian.AppendUint64(b, uint64(p.seen))
		b = binary.BigEndian.AppendUint64(b, uint64(p.txnStart()))
		b = binary.BigEndian.AppendUint32(b, uint32(p.coordinatorEpoch))
		b = binary.BigEndian.AppendUint16(b, uint16(p.txnEpoch()))
		b = binary.BigEndian.AppendUint16(b, uint16(p.epoch))
		b = binary.BigEndian.AppendUint16(b, uint16(len(p.recent)))
		for _, r := range p.recent {
			b = binary.BigEndian.AppendUint32(b, uint32(r.firstSeq))
			b = binary.BigEndian.AppendUint32(b, uint32(r.lastSeq))
			b = binary.BigEndian.AppendUint64(b, uint64(r.base))
			b = binary.BigEndian.AppendUint64(b, uint64(r.last))
		}
	}
	return b
}

// decodeCheckpoints is the inverse of encodeCheckpoints.
func decodeCheckpoints(b []byte) (map[partKey]*checkpoint, error) {
	if len(b) < 20 || string(b[:8]) != checkpointMagic {
		return nil, errors.New("not a checkpoint file")
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if got := crc32.Checksum(body, castagnoli); got != sum {
		return nil, fmt.Errorf("checksum is %08x, the bytes have %08x", sum, got)
	}
	v := binary.BigEndian.Uint32(b[8:])
	if v < 1 || v > checkpointVersion {
		return nil, fmt.Errorf("%w: checkpoint format %d, this version reads 1 to %d", errVersion, v, checkpointVersion)
	}
	d := decoder{b: body[16:]}
	all := make(map[partKey]*checkpoint)
	for range binary.BigEndian.Uint32(b[12:]) {
		var k partKey
		copy(k.topic[:], d.take(16))
		k.partition = int32(d.u32())
		all[k] = d.checkpoint(v)
		if d.short {
			return nil, errors.New("the file is cut short")
		}
	}
	return all, nil
}

// decoder reads big-endian fields; short is set once the bytes run out.
type decoder struct {
	b     []byte
	short bool
}

func (d *decoder) take(n int) []byte {
	if len(d.b) < n {
		d.short = true
		return make([]byte, n)
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) u16() uint16 { return binary.BigEndian.Uint16(d.take(2)) }
func (d *decoder) u32() uint32 { return binary.BigEndian.Uint32(d.take(4)) }
func (d *decoder) i64() int64  { return int64(binary.BigEndian.Uint64(d.take(8))) }

// checkpoint reads one partition's part of a file of the given version. There
// were no transactions in version 1, and not their epochs in version 2.
func (d *decoder) checkpoint(version uint32) *checkpoint {
	c := &checkpoint{mark: mark{
		offset: d.i64(), base: d.i64(), pos: d.i64(), offsetEntries: int(d.i64()), timeEntries: int(d.i64()),
		maxTime: d.i64(), maxTimeOffset: d.i64(), indexedTime: d.i64(), created: d.i64(),
	}}
	c.logStart, c.cleaned = d.i64(), d.i64()
	if version > 1 {
		c.abortEntries = int(d.i64())
	}
	c.producers = newProducerTable()
	for n := d.i64(); n > 0 && !d.short; n-- {
		d.producer(version, c.producers)
	}
	return c
}

func (d *decoder) producer(version uint32, t *producerTable) {
	id, seen := d.i64(), d.i64()
	txnStart, coordinatorEpoch, txnEpoch := int64(-1), int32(-1), int16(batch.NoProducerEpoch)
	if version > 1 {
		txnStart, coordinatorEpoch = d.i64(), int32(d.u32())
	}
	if version > 2 {
		txnEpoch = int16(d.u16())
	}
	p := newProducer(int16(d.u16()))
	p.seen, p.coordinatorEpoch = seen, coordinatorEpoch
	for m := d.u16(); m > 0 && !d.short; m-- {
		p.recent = append(p.recent, producedBatch{int32(d.u32()), int32(d.u32()), d.i64(), d.i64()})
	}
	t.byID[id] = p
	if txnStart >= 0 {
		t.reopen(id, txnEpoch, txnStart)
	}
}

// writeCheckpoints replaces the checkpoint file. Indexes are written first, so
// that recovery finds the entries that the marks count.
func (l *Log) writeCheckpoints() error {
	l.checkpointing.Lock()
	defer l.checkpointing.Unlock()
	l.unsaved.Store(0)
	all := make(map[partKey]*checkpoint)
	for _, p := range l.partitions() {
		last := l.lastCheckpoint(p.id.key())
		c := p.checkpoint(last)
		if c == nil {
			continue
		}
		if c != last {
			p.saveIndex(&c.mark)
		}
		all[p.id.key()] = c
	}
	if err := replaceFile(l.fs, filepath.Join(l.cfg.Dir, checkpointName), encodeCheckpoints(all)); err != nil {
		return fmt.Errorf("writing the checkpoint: %w", err)
	}
	l.mu.Lock()
	l.mu.checkpoints = all
	l.mu.Unlock()
	return nil
}

func (l *Log) lastCheckpoint(k partKey) *checkpoint {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.checkpoints[k]
}

// youngBytes is up to which size an active segment needs no index files: recovery
// reads it whole. So a partition that gets little costs its disk fewer files.
const youngBytes = 256 << 10

// saveIndex writes the index entries that the mark counts, which a sealed
// segment has written already, unless the segment is young. The mark is changed
// to count those that are in the files: if writing fails, the index has a gap up
// to there, and lookups in it read on for longer.
func (p *Partition) saveIndex(m *mark) {
	p.mu.Lock()
	i := len(p.mu.segments) - 1
	for i > 0 && p.mu.segments[i].base > m.base {
		i--
	}
	s := p.mu.segments[i]
	aborts := s.base == m.base && s.aborted.stored < m.abortEntries
	needed := s.base == m.base && (s.offsets.stored < m.offsetEntries || s.times.stored < m.timeEntries)
	young := s.offsets.stored == 0 && s.times.stored == 0 && m.pos < p.log.cfg.youngBytes
	p.mu.Unlock()
	if aborts && p.writeAborted(s, m) != nil {
		m.abortEntries = unknownEntries // recovery makes the file anew
	}
	if !needed || !young && p.writeIndexes(s, m, false) == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	m.offsetEntries = min(m.offsetEntries, s.offsets.stored)
	m.timeEntries = min(m.timeEntries, s.times.stored)
}

// readCheckpoints reads the checkpoint file. A missing one is no error: then
// all segments are scanned. So it is with a damaged one, which is reported.
func (l *Log) readCheckpoints() (map[partKey]*checkpoint, error) {
	name := filepath.Join(l.cfg.Dir, checkpointName)
	b, err := readFile(l.fs, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := decodeCheckpoints(b)
	if errors.Is(err, errVersion) {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err != nil {
		l.cfg.Logger.Warn("the checkpoint file is damaged; all segments will be scanned", "file", name, "error", err)
		return nil, nil
	}
	return all, nil
}

// readFile reads a whole file.
func readFile(fsys vfs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	if size == 0 {
		return b, nil
	}
	if _, err := f.ReadAt(b, 0); err != nil {
		return nil, err
	}
	return b, nil
}

// replaceFile makes name hold b, all or nothing, and durable.
func replaceFile(fsys vfs.FS, name string, b []byte) error {
	tmp := name + tmpSuffix
	if err := writeFile(fsys, tmp, b); err != nil {
		return err
	}
	if err := fsys.Rename(tmp, name); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(name))
}

func writeFile(fsys vfs.FS, name string, b []byte) (err error) {
	f, err := fsys.Open(name, vfs.Create)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Truncate(0); err != nil {
		return err
	}
	if _, err := f.WriteAt(b, 0); err != nil {
		return err
	}
	return f.Sync()
}
