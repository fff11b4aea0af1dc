package monitor

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// Files of evidence: docs/format/monitor.md.
const (
	evidenceDir = "evidence"
	olderFile   = "older.checkpoint"
	newerFile   = "newer.checkpoint"
	pathFile    = "other-history"
	// olderHead and newerHead are tlog-proofs of root entries.
	olderHead = "older.tlog-proof"
	newerHead = "newer.tlog-proof"

	pathHeader = "evident/other-history/v1"
)

// pathText shows that the tree of a checkpoint has, at the size of an older one,
// another root than was signed: the path (RFC 6962, section 2.1.2) proves that
// the newer one continues that other root.
func pathText(before, c proof.Checkpoint, root proof.Hash, path []proof.Hash) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%d %v\n%d %v\nother %v\n", pathHeader, before.Size, before.Root, c.Size, c.Root, root)
	for _, h := range path {
		fmt.Fprintln(&b, h)
	}
	return b.String()
}

// keepEvidence writes files into a folder of their own, durably, and returns
// their names. The same evidence has the same names.
func (m *Monitor) keepEvidence(e Event, files map[string]string) (names []string, err error) {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%s %d %s", name, len(files[name]), files[name])
	}
	all := m.cfg.Dir + "/" + evidenceDir
	dir := fmt.Sprintf("%s/%s-%d-%x", all, e.Type[strings.LastIndex(e.Type, ".")+1:], e.Data.Size, h.Sum(nil)[:4])
	if err := errors.Join(makeFolder(m.cfg.FS, all), makeFolder(m.cfg.FS, dir)); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := vfs.WriteSmall(m.cfg.FS, dir+"/"+name, []byte(files[name]), 0); err != nil {
			return nil, err
		}
		names = append(names, dir+"/"+name)
	}
	return names, m.cfg.FS.SyncDir(dir)
}

// makeFolder makes a folder whose name survives a power cut.
func makeFolder(fsys vfs.FS, dir string) error {
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(dir))
}
