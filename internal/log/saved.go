package log

import (
	"fmt"
	"iter"
	"path/filepath"

	"github.com/evidentlog/evident/internal/log/batch"
)

// savedName is the file in a damaged partition's folder with the batches that
// only the journal had. They were acknowledged, and the journal's files do not
// wait until the partition has been restored.
const savedName = "journalled"

func (p *Partition) savedPath() string { return filepath.Join(p.dir, savedName) }

// readSaved puts what an earlier start saved in front of the journal's entries.
func (r *recovery) readSaved() error {
	name := filepath.Join(r.dir, savedName)
	b, err := readFile(r.log.fs, name)
	if err != nil {
		return err
	}
	first, _, err := batch.Next(b)
	if err != nil {
		return fmt.Errorf("%w: %s: %w; move it away to go on without the records in it", ErrCorruption, name, err)
	}
	r.journal = append([]journalEntry{{base: first.BaseOffset(), data: b}}, r.journal...)
	r.hasSaved = true
	return nil
}

// save keeps the entries in the partition's folder.
func (p *Partition) save(entries []journalEntry) error {
	var b []byte
	for x := range batchesOf(entries) {
		b = append(b, x...)
	}
	if len(b) == 0 {
		return nil
	}
	if err := p.makeFolder(); err != nil {
		return err
	}
	if err := p.syncDirs(true); err != nil {
		return err
	}
	return replaceFile(p.log.fs, p.savedPath(), b)
}

// dropSaved removes the saved batches once they are in the segments.
func (p *Partition) dropSaved() error {
	if err := p.flush(); err != nil {
		return err
	}
	if err := p.log.fs.Remove(p.savedPath()); err != nil {
		return err
	}
	return p.log.fs.SyncDir(p.dir)
}

// batchesOf gives all batches of the entries.
func batchesOf(entries []journalEntry) iter.Seq[batch.Batch] {
	return func(yield func(batch.Batch) bool) {
		for _, e := range entries {
			for rest := e.data; len(rest) > 0; {
				b, more, err := batch.Next(rest)
				if err != nil || !yield(b) {
					return
				}
				rest = more
			}
		}
	}
}
