package index

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Drop ends the index for good: the partition is gone, or not indexed any more. It
// is not searched from here on, and takes no records; its files, of which there may
// be many, are removed by [Index.Run].
func (p *Partition) Drop() {
	p.mu.Lock()
	p.mu.stopped = true
	p.mu.Unlock()
	p.ix.mu.Lock()
	folder := p.name.folder()
	if p.ix.mu.partitions[folder] == p {
		delete(p.ix.mu.partitions, folder)
		p.ix.mu.dropped[folder] = p
	}
	p.ix.mu.Unlock()
	poke(p.ix.wake)
}

// Forget removes what was found at the start of a partition that is not to be
// indexed: who turned it off may have done so while no node was there to see it.
func (ix *Index) Forget(name Name) {
	folder := name.folder()
	ix.mu.Lock()
	there := ix.mu.closed[folder]
	if there {
		delete(ix.mu.closed, folder)
		p := ix.unopened(name)
		p.mu.stopped = true
		ix.mu.dropped[folder] = p
	}
	ix.mu.Unlock()
	if there {
		poke(ix.wake)
	}
}

// unopened is a partition of which only the files matter.
func (ix *Index) unopened(name Name) *Partition {
	p := &Partition{ix: ix, name: name, dir: ix.cfg.Dir + "/" + name.folder()}
	p.mu.growing = &slice{}
	return p
}

// removeDropped removes the files of partitions that were dropped.
func (ix *Index) removeDropped() error {
	var errs []error
	for _, p := range ix.dropped() {
		errs = append(errs, p.remove())
	}
	return errors.Join(errs...)
}

func (ix *Index) dropped() []*Partition {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	return slices.Collect(maps.Values(ix.mu.dropped))
}

// await returns when nothing is left of a partition that was dropped and has the
// same folder.
func (ix *Index) await(folder string) error {
	ix.mu.Lock()
	p := ix.mu.dropped[folder]
	ix.mu.Unlock()
	if p == nil {
		return nil
	}
	return p.remove()
}

// remove removes the files of a partition that was dropped. To remove it twice
// does no harm, as long as its folder is not another's: hence work.
func (p *Partition) remove() error {
	p.work.Lock()
	defer p.work.Unlock()
	p.files.Lock()
	defer p.files.Unlock()
	p.ix.mu.Lock()
	there := p.ix.mu.dropped[p.name.folder()] == p
	p.ix.mu.Unlock()
	if !there {
		return nil
	}
	p.forget()
	if err := removeFolder(p.ix.cfg.FS, p.dir); err != nil {
		return err
	}
	p.ix.mu.Lock() // last: who opens it again finds an empty folder
	defer p.ix.mu.Unlock()
	delete(p.ix.mu.dropped, p.name.folder())
	return nil
}

// Keep removes what there is of partitions that are not to be kept, and are not
// open.
func (ix *Index) Keep(keep func(topicID string, partition, generation int32) bool) error {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	for folder := range ix.mu.closed {
		if id, partition, generation, ok := parseFolder(folder); ok && keep(id, partition, generation) {
			continue
		}
		if err := removeFolder(ix.cfg.FS, ix.cfg.Dir+"/"+folder); err != nil {
			return err
		}
		delete(ix.mu.closed, folder)
	}
	return ix.cfg.FS.SyncDir(ix.cfg.Dir)
}

// folders are those of partitions.
func (ix *Index) folders() (map[string]bool, error) {
	list, err := ix.cfg.FS.ReadDir(ix.cfg.Dir)
	if err != nil {
		return nil, err
	}
	folders := map[string]bool{}
	for _, e := range list {
		if _, _, _, ok := parseFolder(e.Name()); ok && e.IsDir() {
			folders[e.Name()] = true
		}
	}
	return folders, nil
}

func parseFolder(name string) (topicID string, partition, generation int32, ok bool) {
	parts := strings.Split(name, ".")
	if len(parts) != 3 {
		return "", 0, 0, false
	}
	p, err1 := strconv.ParseInt(parts[1], 10, 32)
	g, err2 := strconv.ParseInt(parts[2], 10, 32)
	return parts[0], int32(p), int32(g), err1 == nil && err2 == nil
}
