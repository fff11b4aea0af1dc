package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/evidentlog/evident/internal/ledger/remote"
	"github.com/evidentlog/evident/internal/ledger/statefile"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// A Monitor follows one deployment. One goroutine uses it.
type Monitor struct {
	cfg     Config
	log     *remote.Log // the root log
	lock    io.Closer
	trust   proof.Trust
	state   *state
	metrics *metrics
	running time.Time // since when Run runs; zero if it does not
	quiet   time.Time // since when there is no sign of life, if this process has seen that begin
}

// ErrUsed says that another monitor uses the state folder.
var ErrUsed = errors.New("another monitor uses this folder")

// Open opens the state folder, and makes it if there is none. The caller closes
// the monitor.
func Open(cfg Config) (_ *Monitor, err error) {
	cfg.setDefaults()
	path := "ledger/root"
	if cfg.RootOnly {
		path = ""
	}
	m := &Monitor{cfg: cfg, log: cfg.Site.Log(path), metrics: newMetrics(cfg.Metrics)}
	if err := makeFolder(cfg.FS, cfg.Dir); err != nil {
		return nil, err
	}
	m.lock, err = cfg.FS.Lock(cfg.Dir + "/lock")
	if errors.Is(err, vfs.ErrLocked) {
		return nil, fmt.Errorf("%w: %s", ErrUsed, cfg.Dir)
	}
	if err != nil {
		return nil, err
	}
	if err := m.load(); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// Close lets others use the folder.
func (m *Monitor) Close() error { return m.lock.Close() }

func (m *Monitor) load() error {
	lines, err := statefile.Load(m.cfg.FS, m.stateName(), stateHeader)
	if errors.Is(err, fs.ErrNotExist) {
		lines, err = nil, nil
	}
	if err != nil {
		return fmt.Errorf("%w; restore it from a copy, or start anew in another folder", err)
	}
	if m.state, err = decode(lines); err != nil {
		return fmt.Errorf("%s: %w", m.stateName(), err)
	}
	m.trust.Policy = m.cfg.Policy
	return m.chooseKeys()
}

func (m *Monitor) stateName() string { return m.cfg.Dir + "/" + stateFile }

// save makes the state durable.
func (m *Monitor) save() error {
	return statefile.Save(m.cfg.FS, m.stateName(), stateHeader, m.state.encode())
}

// ErrOtherKeys says that keys were given that are not those that the folder has.
var ErrOtherKeys = errors.New("other keys")

// chooseKeys takes the keys that were given, or those that are kept.
func (m *Monitor) chooseKeys() error {
	var given []string
	for _, k := range m.cfg.Keys {
		given = append(given, k.String())
	}
	slices.Sort(given)
	if len(given) == 0 {
		given = m.state.keys
	}
	if len(m.state.keys) > 0 && !slices.Equal(given, m.state.keys) {
		return fmt.Errorf("%w: %s was made with the keys %s, and %s are given: use another folder for another log",
			ErrOtherKeys, m.cfg.Dir, strings.Join(m.state.keys, ", "), strings.Join(given, ", "))
	}
	return m.believe(given)
}

func (m *Monitor) believe(keys []string) error {
	m.trust.Keys = nil
	for _, k := range keys {
		v, err := proof.ParseVerifier(k)
		if err != nil {
			return err
		}
		m.trust.Keys = append(m.trust.Keys, v)
	}
	m.state.keys = keys
	return nil
}

// learnKeys believes the keys that the node shows, if there are no others.
func (m *Monitor) learnKeys(ctx context.Context) error {
	if len(m.trust.Keys) > 0 || m.cfg.Policy != nil && len(m.cfg.Policy.Logs) > 0 {
		return nil
	}
	b, err := m.cfg.Site.Get(ctx, "ledger/vkey")
	if err != nil {
		return fmt.Errorf("the node's keys: %w", err)
	}
	keys := strings.Fields(string(b))
	slices.Sort(keys)
	if len(keys) == 0 {
		return errors.New("the node shows no keys at /ledger/vkey")
	}
	if err := m.believe(keys); err != nil {
		return fmt.Errorf("the node's keys: %w", err)
	}
	var shown []string
	for _, k := range m.trust.Keys {
		shown = append(shown, fmt.Sprintf("%s+%08x (%v)", k.Name(), k.KeyHash(), k.Algorithm()))
	}
	m.cfg.Notice(fmt.Sprintf("no key was given, so those that the node shows are believed from now on, and kept in %s: %s; compare them with the keys that the log's owner publishes",
		m.cfg.Dir, strings.Join(shown, ", ")))
	return nil
}

// Run makes rounds until ctx ends, or there is an alarm, which is returned as an
// [Alarm]. Other errors are of the state folder.
func (m *Monitor) Run(ctx context.Context) error {
	m.running = m.cfg.Now()
	for {
		err := m.Once(ctx)
		var passing *passingError
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.As(err, &passing):
			m.cfg.Logger.Warn("the log could not be checked, and is looked at again", "error", passing.error)
		case err != nil:
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(m.cfg.Interval):
		}
	}
}

// A passingError is one that is no alarm, unless it lasts.
type passingError struct{ error }

func (e *passingError) Error() string { return "the log could not be checked: " + e.error.Error() }

func (e *passingError) Unwrap() error { return e.error }

// Once makes one round. The error is an [Alarm], or why the log could not be
// checked, which is no alarm yet.
func (m *Monitor) Once(ctx context.Context) error {
	before := m.state.signs()
	err := m.round(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var fatal *fatalError
	if errors.As(err, &fatal) {
		return fatal.error
	}
	err = m.alarmOf(ctx, err)
	m.metrics.round(m.state, err)
	var a *Alarm
	if errors.As(err, &a) {
		return err
	}
	if stalled := m.checkLife(ctx, before, err); stalled != nil {
		return stalled
	}
	if err != nil {
		return &passingError{err}
	}
	return nil
}

// A fatalError is one of the monitor's own disk.
type fatalError struct{ error }

func (e *fatalError) Unwrap() error { return e.error }

// triesAltered is how often a round is made again that found something altered:
// a proxy may have cut an answer off, or the log may have been set back meanwhile.
const (
	triesAltered = 3
	pauseAltered = time.Second
)

// patience is how long it may take to compare a checkpoint, or to read a step of
// entries: a server that gives each tile just in time must not keep a round from
// ending, which would keep the monitor from looking at the next checkpoint.
const patience = 10 * time.Minute

// bounded calls f, which may take so long as patience has it.
func (m *Monitor) bounded(ctx context.Context, f func(context.Context) error) error {
	timely, cancel := context.WithTimeout(ctx, max(patience, m.cfg.StalledAfter))
	defer cancel()
	err := f(timely)
	if err != nil && timely.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("the server is so slow that a piece of the log took longer than %v: %w", max(patience, m.cfg.StalledAfter), err)
	}
	return err
}

// round looks at what is new.
func (m *Monitor) round(ctx context.Context) error {
	for try := 1; ; try++ {
		err := m.tryRound(ctx)
		if !errors.Is(err, remote.ErrAltered) || try == triesAltered {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pauseAltered):
		}
	}
}

func (m *Monitor) tryRound(ctx context.Context) error {
	if err := m.learnKeys(ctx); err != nil {
		return err
	}
	c, err := m.checkpoint(ctx)
	if err != nil {
		return err
	}
	if err := m.bounded(ctx, func(ctx context.Context) error { return m.compare(ctx, c) }); err != nil {
		return err
	}
	if m.cfg.RootOnly {
		m.state.read = c.Size
		return nil
	}
	return m.readEntries(ctx, c)
}
