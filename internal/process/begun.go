package process

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"github.com/evidentlog/evident/internal/process/standby"
	"github.com/evidentlog/evident/internal/vfs"
)

// begun is which partitions a version without state has committed positions of on this node,
// kept in a file (docs/format/processor-group.md): a version with state has that, and tells
// from it positions that are gone from those that never were.
type begun struct {
	fs   vfs.FS
	name string

	mu struct {
		sync.Mutex
		partitions map[string][]int32 // by what inputs are called and their topics' ids
	}
}

// begunFile is what the file has.
type begunFile struct {
	Version    int                `json:"v"`
	Partitions map[string][]int32 `json:"partitions"`
}

const (
	begunName    = "begun.json"
	begunVersion = 1
	begunMost    = 8 << 20 // bytes of the file
)

// errBegun says that the file is none that this program can read.
var errBegun = errors.New("not the file of what a version has begun")

// openBegun reads the file in a folder, which is made. With an error that wraps [errBegun]
// nothing is known, and what there is will be replaced.
func openBegun(fsys vfs.FS, dir string) (*begun, error) {
	b := &begun{fs: fsys, name: filepath.Join(dir, begunName)}
	b.mu.partitions = map[string][]int32{}
	if err := makeFolder(fsys, dir); err != nil {
		return nil, err
	}
	text, err := vfs.ReadSmall(fsys, b.name, begunMost)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return b, nil
	case errors.As(err, new(*vfs.SizeError)):
		return b, fmt.Errorf("%w: %w", errBegun, err)
	case err != nil:
		return nil, err
	}
	partitions, err := parseBegun(text)
	if err != nil {
		return b, fmt.Errorf("%s: %w", b.name, err)
	}
	b.mu.partitions = partitions
	return b, nil
}

// makeFolder makes the folder of a version for good, and that of its processor above it, in the
// one of all processors.
func makeFolder(fsys vfs.FS, dir string) error {
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	for range 3 {
		dir = filepath.Dir(dir)
		if err := fsys.SyncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

func parseBegun(text []byte) (map[string][]int32, error) {
	var f begunFile
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("%w: %w", errBegun, err)
	}
	if f.Version != begunVersion || f.Partitions == nil {
		return nil, fmt.Errorf("%w: v is %d, and this program knows %d", errBegun, f.Version, begunVersion)
	}
	return f.Partitions, nil
}

// begunKey is what a topic is called in the file: one that is made anew is another.
func begunKey(topic string, id [16]byte) string { return topic + "/" + hex.EncodeToString(id[:]) }

// has tells whether a position of a partition was committed.
func (b *begun) has(topic string, partition int32) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.mu.partitions[topic], partition)
}

// add notes that one was.
func (b *begun) add(topic string, partition int32) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if slices.Contains(b.mu.partitions[topic], partition) {
		return nil
	}
	b.mu.partitions[topic] = append(b.mu.partitions[topic], partition)
	text, err := json.Marshal(begunFile{Version: begunVersion, Partitions: b.mu.partitions})
	if err == nil {
		err = vfs.ReplaceSmall(b.fs, b.name, append(text, '\n'), 0)
	}
	if err != nil {
		return fmt.Errorf("that partition %d of %s has begun: %w", partition, topic, err)
	}
	return nil
}

// openBegun reads what the version has begun on this node, if it has no state that says so.
func (r *Run) openBegun() (err error) {
	r.begun, err = openBegun(r.cfg.FS, filepath.Join(r.cfg.Dir, r.p.Name, strconv.Itoa(r.p.Version)))
	if errors.Is(err, errBegun) {
		r.log.Error("it is not known which inputs have been begun on this node: positions that are lost are not noticed", "error", err)
		return nil
	}
	return err
}

// begins notes that a position of an input has been committed.
func (t *task) begins(in *input) {
	if t.run.begun == nil || in.begun {
		return
	}
	in.begun = true
	if err := t.run.begun.add(begunKey(in.topic, t.run.ids[in.topic]), t.id.Partition); err != nil {
		t.log.Error("if the positions of the group are lost, that will not be noticed", "error", err)
	}
}

// forgotten is why a partition without a position is not begun: it had one.
func (r *Run) forgotten(topic string, partition int32) error {
	if r.begun == nil || !r.begun.has(begunKey(topic, r.ids[topic]), partition) {
		return nil
	}
	return r.lost(fmt.Errorf("%w: partition %d of %q was handled on this node, and its group has no position", standby.ErrNoPositions, partition, topic))
}
