package audit

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evidentlog/evident/internal/ledger/statefile"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

const (
	stateFile   = "state"
	stateHeader = "evident audit state 1"
	// saveEvery is how much of an audit is done again that is interrupted.
	saveEvery = 5 * time.Second
)

// ErrUsed says that another audit uses the folder.
var ErrUsed = errors.New("another audit uses this folder")

// A state is how far trees have been audited, by origin.
type state struct {
	trees map[string]progress
}

// progress is a size of a tree up to which all fits, and its root hash then.
type progress struct {
	size   int64
	root   proof.Hash
	counts Counts
}

// open opens the folder, and makes it if there is none.
func (a *Audit) open() (io.Closer, error) {
	if err := a.cfg.FS.MkdirAll(a.cfg.Dir); err != nil {
		return nil, err
	}
	if err := a.cfg.FS.SyncDir(filepath.Dir(a.cfg.Dir)); err != nil {
		return nil, err
	}
	lock, err := a.cfg.FS.Lock(a.cfg.Dir + "/lock")
	if errors.Is(err, vfs.ErrLocked) {
		return nil, fmt.Errorf("%w: %s", ErrUsed, a.cfg.Dir)
	}
	if err != nil {
		return nil, err
	}
	lines, err := statefile.Load(a.cfg.FS, a.stateName(), stateHeader)
	if errors.Is(err, fs.ErrNotExist) {
		lines, err = nil, nil
	}
	if err == nil {
		a.mu.state, err = decode(lines)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w; remove %s to audit from the beginning", err, a.stateName()), lock.Close())
	}
	a.mu.saved = a.cfg.Now()
	return lock, nil
}

func (a *Audit) stateName() string { return a.cfg.Dir + "/" + stateFile }

// progress is how far a tree was audited before.
func (a *Audit) progress(t *treeLog) progress {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.mu.state.trees[t.Origin()]
	if p.size > t.newest.Size {
		return progress{}
	}
	return p
}

// timeToSave tells whether the state was saved long ago.
func (a *Audit) timeToSave() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.cfg.Now().Sub(a.mu.saved) >= saveEvery
}

// keep makes durable how far a tree was audited. Its tiles are compared first.
func (a *Audit) keep(ctx context.Context, t *treeLog, ck *checker, counts Counts) error {
	if err := ck.seal(ctx); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.state.trees[t.Origin()] = progress{ck.served.Size(), ck.served.Root(), counts}
	a.mu.saved = a.cfg.Now()
	return statefile.Save(a.cfg.FS, a.stateName(), stateHeader, a.mu.state.encode())
}

// clear removes what an audit leaves that has come to its end.
func (a *Audit) clear() error {
	files, err := a.cfg.FS.ReadDir(a.cfg.Dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.Name() == stateFile || strings.HasSuffix(f.Name(), ".heads") {
			err = errors.Join(err, a.cfg.FS.Remove(a.cfg.Dir+"/"+f.Name()))
		}
	}
	return errors.Join(err, a.cfg.FS.SyncDir(a.cfg.Dir))
}

func (s *state) encode() (lines []string) {
	for origin, p := range s.trees {
		c := p.counts
		lines = append(lines, fmt.Sprintf("tree %d %s %d %d %d %d %s",
			p.size, base64.StdEncoding.EncodeToString(p.root[:]), c.Recomputed, c.Removed, c.Erased, c.Lost, origin))
	}
	slices.Sort(lines)
	return lines
}

func decode(lines []string) (*state, error) {
	s := &state{trees: map[string]progress{}}
	for _, line := range lines {
		words := strings.SplitN(line, " ", 8)
		if len(words) != 8 || words[0] != "tree" {
			return nil, fmt.Errorf("line %.80q is not understood", line)
		}
		var p progress
		root, err := base64.StdEncoding.DecodeString(words[2])
		if err != nil || len(root) != len(p.root) {
			return nil, fmt.Errorf("line %.80q: no hash", line)
		}
		p.root = proof.Hash(root)
		for i, into := range []*int64{&p.size, nil, &p.counts.Recomputed, &p.counts.Removed, &p.counts.Erased, &p.counts.Lost} {
			if into == nil {
				continue
			}
			if *into, err = strconv.ParseInt(words[1+i], 10, 64); err != nil || *into < 0 {
				return nil, fmt.Errorf("line %.80q: %q is no number", line, words[1+i])
			}
		}
		s.trees[words[7]] = p
	}
	return s, nil
}
