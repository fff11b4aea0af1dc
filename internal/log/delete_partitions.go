package log

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sync/errgroup"
)

const (
	// withdrawals is how many partitions are taken out of service at the same time.
	withdrawals = 16
	// removals is how many folders of deleted partitions are removed at the same
	// time. Nobody waits for that, and the disk has other work.
	removals = 2
)

// DeletePartition is [Log.DeletePartitions] of one.
func (l *Log) DeletePartition(id ID) error { return l.DeletePartitions([]ID{id})[0] }

// DeletePartitions closes the partitions and deletes their folders, and answers for
// each in order; the error wraps ErrDeleted where there is none. When it returns the
// folders have names of their own, durably, that stand in nobody's way. They are
// removed in the background, and what a stop leaves of them by the next start.
func (l *Log) DeletePartitions(ids []ID) []error {
	errs := make([]error, len(ids))
	gone := make([]*Partition, len(ids))
	folders := make([]string, len(ids)) // "" if there is none
	inParallel(len(ids), withdrawals, func(i int) {
		gone[i], folders[i], errs[i] = l.withdraw(ids[i])
	})
	folders = notEmpty(folders)
	var err error
	if len(folders) > 0 {
		err = l.fs.SyncDir(l.topicsDir())
	}
	for i, p := range gone {
		if errs[i] == nil {
			errs[i] = err
		}
		if p != nil {
			l.forget(p, errs[i])
		}
	}
	l.removeFolders(folders)
	return errs
}

// inParallel calls f for 0 to n-1, so many at the same time.
func inParallel(n, limit int, f func(int)) {
	var g errgroup.Group
	g.SetLimit(limit)
	for i := range n {
		g.Go(func() error {
			f(i)
			return nil
		})
	}
	_ = g.Wait() // there are no errors
}

func notEmpty(list []string) []string {
	out := list[:0]
	for _, s := range list {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// withdraw ends the partition's service for good and gives its folder the name of
// one that is being removed, which it returns if there is one.
func (l *Log) withdraw(id ID) (p *Partition, folder string, err error) {
	why := fmt.Errorf("%w: %s-%d", ErrDeleted, id.Topic, id.Partition)
	p = l.Partition(id.Topic, id.Partition)
	if p == nil || p.id != id {
		return nil, "", why
	}
	p.shut(why)
	p.maintenance.Lock() // whoever had it is done; whoever has it next finds p closed
	defer p.maintenance.Unlock()
	if !p.markRemoved() {
		return nil, "", why
	}
	p.forgetFiles()
	folder = filepath.Join(l.topicsDir(), removalName(id))
	err = l.fs.Rename(p.dir, folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return p, "", nil
	case err != nil:
		return p, "", err
	}
	return p, folder, nil
}

// removalName is what the folder of a deleted partition is called. Unlike the
// topic's name it is never too long, and no other partition's.
func removalName(id ID) string {
	return fmt.Sprintf("%s-%d%s", base64.RawURLEncoding.EncodeToString(id.TopicID[:]), id.Partition, deleteSuffix)
}

// markRemoved returns false if somebody was quicker.
func (p *Partition) markRemoved() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.removed {
		return false
	}
	p.mu.removed = true
	return true
}

// forget lets the name be used again; if the deletion has failed, that can be tried
// again instead.
func (l *Log) forget(p *Partition, err error) {
	if err == nil {
		l.unregister(p)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.removed = false
}

// removeFolders removes folders in the background, unless the log is being closed.
func (l *Log) removeFolders(list []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(list) == 0 || l.mu.closed {
		return
	}
	l.removing.Go(func() {
		inParallel(len(list), removals, func(i int) {
			if l.isClosed() {
				return
			}
			if err := l.fs.RemoveAll(list[i]); err != nil {
				l.cfg.Logger.Error("cannot remove a deleted partition's folder; the next start does", "folder", filepath.Base(list[i]), "error", err)
			}
		})
	})
}
