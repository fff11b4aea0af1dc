package log

import (
	"fmt"
	"syscall"

	"github.com/evidentlog/evident/internal/vfs"
)

// journalShare is into how many parts a new journal file divides the free disk,
// of which it takes one: the others are for segments, without which no journal
// file is ever released.
const journalShare = 4

// affordable is how large the next file is: as large as it shall be, if the disk
// has room. Whether it has is asked beforehand. To try would take all that is
// left away from the segments, for nothing, and again at the next round.
func (j *journal) affordable() (int64, error) {
	wanted := j.size.Load()
	space, err := j.log.fs.Space(j.dir)
	if err != nil {
		return 0, err
	}
	part := int64(min(space.Free/journalShare, maxJournal)) / vfs.BlockSize * vfs.BlockSize
	switch {
	case wanted <= part:
		return wanted, nil
	case part < j.log.cfg.journalBytes:
		return 0, fmt.Errorf("%d bytes of the disk are free, and a journal file needs %d: %w",
			space.Free, journalShare*j.log.cfg.journalBytes, syscall.ENOSPC)
	}
	j.size.CompareAndSwap(wanted, part) // or what run wants by now
	return part, nil
}
