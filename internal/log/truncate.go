package log

import (
	"fmt"
)

// Truncate removes all records at and after offset; of a batch that contains
// offset, all of it goes. It waits for what is under way, and appends fail with
// ErrStorage meanwhile.
func (p *Partition) Truncate(offset int64) error {
	p.maintenance.Lock()
	defer p.maintenance.Unlock()
	if offset < p.LogStart() || offset > p.LogEnd() {
		return fmt.Errorf("%w: cannot truncate to %d, the partition has [%d, %d]", ErrOffsetOutOfRange, offset, p.LogStart(), p.LogEnd())
	}
	if err := p.flush(); err != nil {
		return err
	}
	seg, pos, err := p.cutPoint(offset)
	if err != nil {
		return err
	}
	if err := p.suspend(); err != nil {
		return err
	}
	if err := p.cut(seg, pos); err != nil {
		p.mu.Lock()
		done := p.stop(err)
		p.mu.Unlock()
		call(done, err)
		return err
	}
	return p.sealTruncation()
}

// cutPoint is where the first batch that has to go begins.
func (p *Partition) cutPoint(offset int64) (*segment, int64, error) {
	if offset == p.LogEnd() {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.active(), p.active().size, nil
	}
	s, err := p.Read(offset, 1, false)
	if err != nil {
		return nil, 0, err
	}
	defer s.Close()
	return s.seg, s.start, nil
}

// suspend makes appends fail, waits for the commit that may run, and takes the
// partition out of the checkpoint, which would call the cut damage.
func (p *Partition) suspend() error {
	p.mu.Lock()
	p.mu.err = fmt.Errorf("%w: %s-%d is being truncated", ErrStorage, p.id.Topic, p.id.Partition)
	for p.mu.commit.running {
		p.room.Wait()
	}
	p.mu.Unlock()
	p.log.mu.Lock()
	delete(p.log.mu.checkpoints, p.id.key())
	p.log.mu.Unlock()
	return p.log.writeCheckpoints()
}

// cut removes the segments after seg, newest first, and the bytes of seg from
// pos on, and recovers what is left.
func (p *Partition) cut(seg *segment, pos int64) error {
	p.mu.Lock()
	later := append([]*segment(nil), p.mu.segments[p.index(seg)+1:]...)
	p.mu.Unlock()
	for i := len(later) - 1; i >= 0; i-- {
		if err := later[i].removeFiles(p.log.fs, p.log.files); err != nil {
			return err
		}
	}
	if seg.onDisk {
		for _, name := range seg.files() {
			p.log.files.drop(name)
		}
		if err := p.cutFile(seg, pos); err != nil {
			return err
		}
	}
	r := &recovery{log: p.log, id: p.id, dir: p.dir, settings: p.Settings()}
	if err := r.run(); err != nil {
		return err
	}
	if r.damage != nil {
		return r.damage
	}
	p.resumeFrom(r)
	return nil
}

func (p *Partition) cutFile(seg *segment, pos int64) error {
	f, err := p.log.files.open(seg.logName(), true)
	if err != nil {
		return err
	}
	defer f.release()
	if err := f.Truncate(pos); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return p.log.fs.SyncDir(p.dir)
}

// sealTruncation lowers the high watermark and voids what the journal still has
// beyond the new end.
func (p *Partition) sealTruncation() error {
	ch := make(chan error, 1)
	p.mu.Lock()
	p.highWatermark.Store(p.LogEnd())
	c := &p.mu.commit
	c.mustReset = true
	c.durable = append(c.durable, waiter{p.LogEnd(), func(err error) { ch <- err }})
	p.schedule()
	p.mu.Unlock()
	return <-ch
}
