package log

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
)

// docs/format/journal.md describes the bytes.
const (
	journalSuffix  = ".journal"
	journalVersion = 1
	fileMagic      = "EVJOURNL"
	roundMagic     = "EVJROUND"
	roundHeader    = 40
	entryHeader    = 36
	entryVoids     = 1 // flag: earlier entries of this partition at or after the base offset are void

	minJournal  = 1 << 20
	growth      = 8 // of the next file's size, when one was filled quickly
	maxJournal  = 64 << 20
	maxLive     = 4 * maxJournal // bytes of the files not yet released
	roundBytes  = 1 << 20        // a round is closed when it has as much
	quickFilled = 10 * time.Second
	fillPiece   = 128 << 10 // bytes written at once to a file being prepared
	fillRest    = 3         // times as long as a write takes, before the next
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// journal makes small appends to many partitions durable with one fsync. One
// goroutine (run) owns the current file; another prepares the next one, and a
// third releases full ones by flushing their partitions. run never waits for a
// release: the partitions to be flushed may be waiting for run.
type journal struct {
	log   *Log
	queue *commitQueue
	dir   string

	// owned by run
	current *journalFile
	buf     []byte // aligned
	plans   []journalPlan

	preparing bool              // a file has been asked for and not yet taken; owned by run
	hurry     atomic.Bool       // run waits for the file that is being prepared
	wanted    chan struct{}     // asks for the next file
	ready     chan *journalFile // the answer; nil if the disk does not let it
	full      chan *journalFile // for release; it never fills, as live files are few and not small
	old       []*journalFile    // what was recovered, for release before those; set by takeOver
	tookOver  chan struct{}     // closed when old is set
	ended     chan struct{}     // closed when run has ended
	size      atomic.Int64      // bytes that the next file shall have
	refused   bool              // the disk did not let the last file be made; owned by runPrepare

	scrubbing chan struct{}   // held by scrub: one at a time
	scrubs    atomic.Int32    // not 0: released files are overwritten
	sweeps    chan chan error // for run: retire all files, and answer when they are released

	mu struct {
		sync.Mutex
		live   []*journalFile // by id; the first is the floor
		free   *journalFile   // released, to be used again
		nextID uint64
		// floor, while not 0, is the oldest file that recovery still needs.
		floor uint64
	}
}

// journalFile is one file. It belongs to the run goroutine until it is handed
// on for release.
type journalFile struct {
	id     uint64
	name   string
	f      vfs.File
	size   int64
	off    int64
	rounds uint64
	began  time.Time
	parts  map[*Partition]struct{}
	failed bool // not to be written again

	swept chan error // not a file, but who waits until all before it are released
}

// journalPlan is one partition's part in a round.
type journalPlan struct {
	p    *Partition
	end  place
	void *voidRequest // not a commit
}

func newJournal(l *Log) *journal {
	j := &journal{log: l, queue: newCommitQueue(), dir: l.journalDir()}
	j.buf = vfs.AlignedBuffer(64 << 10)
	j.wanted, j.ready = make(chan struct{}, 1), make(chan *journalFile, 1)
	j.full = make(chan *journalFile, l.cfg.journalLimit/l.cfg.journalBytes+1+sweepFiles)
	j.scrubbing, j.sweeps = make(chan struct{}, 1), make(chan chan error, 1)
	j.tookOver, j.ended = make(chan struct{}), make(chan struct{})
	j.size.Store(l.cfg.journalBytes)
	return j
}

func (j *journal) run() {
	defer close(j.ended)
	defer close(j.full)
	defer close(j.wanted)
	var list []*Partition
	for {
		// Whoever can run goes first: an append wakes this at once, and what its request,
		// and others that are on their way, append now shares the round.
		j.queue.await()
		runtime.Gosched()
		if list = j.queue.pop(list, 0); len(list) == 0 {
			return
		}
		for rest := j.takeSweep(list); len(rest) > 0; {
			rest = j.round(rest)
		}
		clear(list)
	}
}

// runPrepare makes the files that run asks for.
func (j *journal) runPrepare() {
	for range j.wanted {
		j.ready <- j.create()
	}
}

// runRelease releases full files, in the order of their ids.
func (j *journal) runRelease() {
	select {
	case <-j.tookOver:
	case <-j.ended: // Start was never called: recovery reads all files again
		return
	}
	all := true // that were to be released are
	for _, f := range j.old {
		all = j.release(f) && all
	}
	flush := time.NewTicker(flushAge)
	defer flush.Stop()
	for {
		select {
		case f, ok := <-j.full:
			switch {
			case !ok:
				return
			case f.swept == nil:
				all = j.release(f) && all
			case all:
				f.swept <- nil
			default:
				f.swept <- ErrClosed
			}
		case <-flush.C: // the current file has not been filled for long
			j.flush(j.log.partitions(), math.MaxUint64)
			j.log.tryCheckpoint()
		}
	}
}

// round commits as many of the partitions as fit in one and returns the rest.
func (j *journal) round(list []*Partition) (rest []*Partition) {
	buf := j.buf[:roundHeader]
	j.plans = j.plans[:0]
	for len(list) > 0 && len(buf) < roundBytes {
		buf = j.plan(list[0], buf)
		list = list[1:]
	}
	if len(j.plans) == 0 {
		return list
	}
	id, err := j.commit(buf)
	if id == 0 && err == nil {
		for _, pl := range j.plans {
			pl.divert()
		}
		return list
	}
	for i := range j.plans {
		j.plans[i].finish(id, err)
	}
	return list
}

// plan adds what p has to commit to the round, unless it should go straight to
// its segment by now.
func (j *journal) plan(p *Partition, buf []byte) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, s := &p.mu.commit, p.active()
	if v := c.void; v != nil {
		c.void = nil
		j.plans = append(j.plans, journalPlan{p: p, void: v})
		return appendEntry(buf, p.id, v.offset, entryVoids, 0)
	}
	if p.takesDirect() {
		p.log.direct.push(p)
		return buf
	}
	buf = appendEntry(buf, p.id, c.end.offset, 0, int(s.size-c.end.pos))
	buf = s.tail.copyTo(buf, c.end.pos, s.size)
	j.plans = append(j.plans, journalPlan{p: p, end: s.end()})
	c.unwritten, c.unsynced, c.journalled = 0, 0, s.next
	return buf
}

func appendEntry(buf []byte, id ID, base int64, flags uint32, n int) []byte {
	buf = binary.BigEndian.AppendUint32(buf, flags)
	buf = binary.BigEndian.AppendUint32(buf, uint32(id.Partition))
	buf = append(buf, id.TopicID[:]...)
	buf = binary.BigEndian.AppendUint64(buf, uint64(base))
	return binary.BigEndian.AppendUint32(buf, uint32(n))
}

// commit writes the round and syncs it, and returns the id of the file it went
// to: 0 if there is none to write to.
func (j *journal) commit(buf []byte) (id uint64, err error) {
	buf = j.align(buf)
	if j.current != nil && j.current.off+int64(len(buf)) > j.current.size {
		j.retire(j.current)
	}
	if j.current == nil && !j.activate(int64(len(buf))) {
		return 0, nil
	}
	f := j.current
	j.seal(buf, f)
	if err := j.writeRound(f, buf); err != nil {
		f.failed = true
		j.retire(f)
		return f.id, fmt.Errorf("journal %s: %w", f.name, err)
	}
	f.off += int64(len(buf))
	f.rounds++
	for _, pl := range j.plans {
		f.parts[pl.p] = struct{}{}
	}
	// A larger one may take longer to make than half of this one lasts.
	if f.off > f.size/2 || f.size < j.size.Load() {
		j.prepare()
	}
	return f.id, nil
}

func (j *journal) writeRound(f *journalFile, buf []byte) error {
	if f.rounds == 0 {
		if _, err := f.f.WriteAt(fileHead(f), 0); err != nil {
			return err
		}
	}
	if _, err := f.f.WriteAt(buf, f.off); err != nil {
		return err
	}
	for _, pl := range j.plans {
		pl.p.advanceWritten(pl.end.offset)
	}
	return j.log.timedSync(f.f)
}

// align pads the round to whole blocks and moves it into aligned memory if
// growing has moved it out.
func (j *journal) align(buf []byte) []byte {
	n := int(blockCeil(int64(len(buf))))
	if n > len(j.buf) {
		j.buf = vfs.AlignedBuffer(2 * n)
		copy(j.buf, buf)
	} else if &buf[0] != &j.buf[0] {
		copy(j.buf, buf)
	}
	clear(j.buf[len(buf):n])
	binary.BigEndian.PutUint32(j.buf[32:], uint32(len(buf)-roundHeader))
	return j.buf[:n]
}

// seal fills in the round's header.
func (j *journal) seal(buf []byte, f *journalFile) {
	copy(buf, roundMagic)
	binary.BigEndian.PutUint64(buf[8:], f.id)
	binary.BigEndian.PutUint64(buf[16:], f.rounds)
	binary.BigEndian.PutUint64(buf[24:], j.floor())
	n := roundHeader + int(binary.BigEndian.Uint32(buf[32:]))
	binary.BigEndian.PutUint32(buf[36:], roundSum(buf[:n]))
}

// roundSum is the CRC32C of a round but for the magic and the sum itself.
func roundSum(round []byte) uint32 {
	sum := crc32.Update(0, castagnoli, round[8:36])
	return crc32.Update(sum, castagnoli, round[roundHeader:])
}

// fileHead is a journal file's first block.
func fileHead(f *journalFile) []byte {
	b := vfs.AlignedBuffer(vfs.BlockSize)
	copy(b, fileMagic)
	binary.BigEndian.PutUint32(b[8:], journalVersion)
	binary.BigEndian.PutUint64(b[16:], f.id)
	binary.BigEndian.PutUint64(b[24:], uint64(f.size))
	binary.BigEndian.PutUint32(b[32:], crc32.Checksum(b[:32], castagnoli))
	return b
}

// floor is the id of the oldest file that recovery may read.
func (j *journal) floor() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.mu.floor != 0 {
		return j.mu.floor
	}
	return j.mu.live[0].id
}

// takeOver makes the files that were recovered from live ones, to be released
// when their partitions have been flushed, and removes those that nobody needs.
func (j *journal) takeOver(c *journalContents, all []*Partition) error {
	for _, name := range c.stale {
		if err := j.removeUsed(name); err != nil {
			return err
		}
	}
	parts := make(map[*Partition]struct{})
	for _, p := range all {
		parts[p] = struct{}{}
	}
	for _, h := range c.files {
		f, err := j.log.fs.Open(h.name, 0)
		if err != nil {
			return err
		}
		j.old = append(j.old, &journalFile{id: h.id, name: h.name, f: f, size: h.size, parts: parts, failed: true})
	}
	j.mu.Lock()
	j.mu.live = slices.Concat(j.old, j.mu.live)
	j.mu.floor = 0
	j.mu.Unlock()
	close(j.tookOver)
	return nil
}

// activate makes the next file the current one. It returns false where too many
// await release, or the disk does not let it.
func (j *journal) activate(need int64) bool {
	if !j.prepare() {
		return false
	}
	j.hurry.Store(true)
	f := <-j.ready
	j.hurry.Store(false)
	j.preparing = false
	if f == nil {
		return false
	}
	if need+vfs.BlockSize > f.size {
		j.size.Store(min(max(j.size.Load(), 2*blockCeil(need)), maxJournal))
		j.discard(f)
		return false
	}
	f.off, f.rounds, f.began = vfs.BlockSize, 0, time.Now()
	f.parts = make(map[*Partition]struct{})
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mu.nextID++
	f.id = j.mu.nextID
	j.mu.live = append(j.mu.live, f)
	j.current = f
	return true
}

// used is the size of all files not yet released, in parts of what it may be.
func (j *journal) used() float64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return float64(j.liveBytes()) / float64(j.log.cfg.journalLimit)
}

// liveBytes is the size of all files not yet released. mu is held.
func (j *journal) liveBytes() (n int64) {
	for _, f := range j.mu.live {
		n += f.size
	}
	return n
}

// spacious tells whether another file may be live.
func (j *journal) spacious() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.liveBytes()+j.size.Load() <= j.log.cfg.journalLimit
}

// retire ends the file's time as the current one and has it released.
func (j *journal) retire(f *journalFile) {
	j.current = nil
	if time.Since(f.began) < quickFilled && !f.failed {
		j.size.Store(min(growth*f.size, maxJournal))
	}
	j.full <- f
}

// prepare asks for the next file, unless that has been done or too many are
// live. It returns whether one is to come.
func (j *journal) prepare() bool {
	if j.preparing {
		return true
	}
	if !j.spacious() {
		return false
	}
	j.preparing = true
	j.wanted <- struct{}{}
	return true
}

// create returns a file of the wanted size with all its blocks written, so that
// a sync has no metadata to write. It returns nil if the disk does not let it.
func (j *journal) create() *journalFile {
	if f := j.takeFree(); f != nil {
		return f
	}
	size, err := j.affordable()
	var f *journalFile
	if err == nil {
		f, err = j.newFile(size)
	}
	if err != nil && !j.refused { // it is tried again all the time
		j.log.cfg.Logger.Warn("cannot make a journal file; small appends are synced one by one until it can be made", "error", err)
	}
	j.refused = err != nil
	return f
}

func (j *journal) takeFree() *journalFile {
	j.mu.Lock()
	defer j.mu.Unlock()
	f := j.mu.free
	j.mu.free = nil
	return f
}

func (j *journal) newFile(size int64) (*journalFile, error) {
	j.mu.Lock()
	j.mu.nextID++
	name := filepath.Join(j.dir, fmt.Sprintf("%020d%s", j.mu.nextID, journalSuffix))
	j.mu.Unlock()
	file, err := j.log.fs.Open(name, vfs.Create|vfs.Direct)
	if err != nil {
		return nil, err
	}
	f := &journalFile{name: name, f: file, size: size}
	if err := j.fill(f); err != nil {
		j.discard(f)
		return nil, err
	}
	if err := j.log.fs.SyncDir(j.dir); err != nil {
		j.discard(f)
		return nil, err
	}
	return f, nil
}

// fill writes zeros from end to end. It leaves the disk to the commits that are
// under way most of the time.
func (j *journal) fill(f *journalFile) error {
	zero := vfs.AlignedBuffer(int(min(fillPiece, f.size)))
	for off := int64(0); off < f.size; off += int64(len(zero)) {
		began := time.Now()
		if _, err := f.f.WriteAt(zero, off); err != nil {
			return err
		}
		if !j.hurry.Load() {
			time.Sleep(fillRest * time.Since(began))
		}
	}
	return f.f.Sync()
}

// release flushes all partitions that have bytes in the file and then lets it
// be used again. Files are released in the order of their ids, and each is void
// for good before the next: so if recovery still finds a file, it also finds
// every later one, with all that these say of it. It returns false if the log was
// closed before: the file stays, and recovery reads it.
func (j *journal) release(f *journalFile) bool {
	list := slices.Collect(maps.Keys(f.parts))
	j.flush(list, f.id)
	for _, p := range list {
		if !p.waitFlushed(f.id) {
			return false
		}
	}
	// The checkpoint is to know what so far only the journal proved to be durable.
	if !j.log.untilClosed(j.log.writeCheckpoints) {
		return false
	}
	if j.scrubs.Load() > 0 && !j.log.untilClosed(func() error { return j.scrubFile(f.name) }) {
		return false
	}
	reuse := j.reusable(f) && f.invalidate() == nil
	if !reuse && !j.removeOrClose(f) {
		return false
	}
	j.mu.Lock()
	j.mu.live = slices.DeleteFunc(j.mu.live, func(o *journalFile) bool { return o == f })
	if reuse {
		f.parts = nil
		j.mu.free = f
	}
	j.mu.Unlock()
	if !reuse {
		_ = f.f.Close() // what had to be durable was synced
	}
	return true
}

// removeOrClose tries to remove the file until it succeeds. It returns false if
// the log was closed before.
func (j *journal) removeOrClose(f *journalFile) bool {
	told := false
	return j.log.untilClosed(func() error {
		err := j.removeUsed(f.name)
		if err != nil && !told {
			told = true
			j.log.cfg.Logger.Warn("cannot remove a journal file that is no longer needed; it will be tried again", "file", f.name, "error", err)
		}
		return err
	})
}

func (j *journal) reusable(f *journalFile) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return !f.failed && j.mu.free == nil && f.size >= j.size.Load()
}

// invalidate takes the file's head away.
func (f *journalFile) invalidate() error {
	if _, err := f.f.WriteAt(vfs.AlignedBuffer(vfs.BlockSize), 0); err != nil {
		return err
	}
	return f.f.Sync()
}

// discard removes a file that has not been used for this. If it stays behind it is
// of no meaning.
func (j *journal) discard(f *journalFile) {
	_ = f.f.Close() // what had to be durable was synced
	remove := j.remove
	if f.id != 0 {
		remove = j.removeUsed // before
	}
	if err := remove(f.name); err != nil {
		j.log.cfg.Logger.Warn("cannot remove a journal file that is no longer needed", "file", f.name, "error", err)
	}
}

func (j *journal) remove(name string) error {
	if err := j.log.fs.RemoveAll(name); err != nil {
		return err
	}
	return j.log.fs.SyncDir(j.dir)
}

// close closes all files, after the goroutines have ended, and removes them in
// the order of their ids if all partitions have been flushed.
func (j *journal) close(remove bool) error {
	for _, f := range j.files() {
		_ = f.f.Close() // what had to be durable was synced
		if !remove {
			continue
		}
		if err := j.removeUsed(f.name); err != nil {
			return err
		}
	}
	return nil
}

func (j *journal) files() []*journalFile {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []*journalFile
	if j.mu.free != nil { // void already
		all = append(all, j.mu.free)
	}
	all = append(all, j.mu.live...)
	select {
	case f := <-j.ready:
		if f != nil {
			all = append(all, f)
		}
	default:
	}
	return all
}

// errNoJournal says that no journal file can be written at the moment.
var errNoJournal = errors.New("no journal file to write to")

// divert sends a partition whose round has found no journal straight to its
// segment.
func (pl *journalPlan) divert() {
	if pl.void != nil {
		pl.void.done <- errNoJournal
		return
	}
	p := pl.p
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.commit.wantFlush = true
	p.log.direct.push(p)
}

// finish notes what the round, in the file with the given id, has achieved.
func (pl *journalPlan) finish(id uint64, err error) {
	if pl.void != nil {
		pl.void.done <- err
		return
	}
	p := pl.p
	err = p.storageError(err)
	p.mu.Lock()
	if c := &p.mu.commit; c.journal == 0 && err == nil {
		c.journal = id
	}
	done := p.finish(pl.end, true, err)
	p.mu.Unlock()
	call(done, err)
}

// voidJournal makes sure that no entry at offset or beyond that the journal may
// have of the partition is ever replayed, while offsets from there on are given
// out once more. No commit is under way, and none begins meanwhile.
func (p *Partition) voidJournal(offset int64) error {
	p.mu.Lock()
	if p.mu.commit.journalled <= offset {
		p.mu.Unlock()
		return nil
	}
	p.mu.Unlock()
	err := p.writeVoid(offset)
	if errors.Is(err, errNoJournal) { // that may be news of a while ago
		err = p.writeVoid(offset)
	}
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.commit.journalled = offset
	return nil
}

// writeVoid has a void entry written.
func (p *Partition) writeVoid(offset int64) error {
	done := make(chan error, 1)
	p.mu.Lock()
	p.mu.commit.void = &voidRequest{offset, done}
	p.mu.Unlock()
	p.log.journal.queue.push(p)
	return <-done
}
