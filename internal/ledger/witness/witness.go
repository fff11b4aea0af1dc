package witness

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidentlog/evident/internal/ledger/keyfile"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// DefaultInterval is how often a log is cosigned at most.
const DefaultInterval = 100 * time.Millisecond

const (
	keysFile   = "keys"
	keysHeader = "evident witness keys 1"
	lockFile   = "lock"
	logsDir    = "logs"
)

// Config configures a [Witness].
type Config struct {
	FS  vfs.FS
	Dir string // its own folder
	// Name is the witness's in cosignatures: a URL without a scheme, such as
	// "witness.example.com/one". It must never change.
	Name string
	Logs []Log
	// Interval is the shortest time between two cosignatures of one log.
	// DefaultInterval if 0.
	Interval time.Duration
	Logger   *slog.Logger
	// Now is the witness's clock; time.Now if nil.
	Now func() time.Time
}

// A Witness cosigns. All methods may be called by any goroutine.
type Witness struct {
	cfg     Config
	lock    io.Closer
	signers []note.Signer
	keys    []*proof.Verifier
	logs    map[string]*witnessed // by origin, never changed
	byHash  map[string]*witnessed
}

// witnessed is a log, and what is remembered of it.
type witnessed struct {
	Log
	known note.Verifiers

	mu struct {
		sync.Mutex // held while a checkpoint is checked, remembered and cosigned
		state
		next   time.Time // when the log may be cosigned again
		last   time.Time // of the last cosignature, by our clock
		failed error     // the disk failed: nobody knows what is remembered
		// When the operator was told last of a fork, and of what may be one.
		toldFork, toldRefused time.Time
	}
}

// Open opens a witness in a folder, and makes it, with new keys, if there is none.
func Open(cfg Config) (*Witness, error) {
	if cfg.Interval == 0 {
		cfg.Interval = DefaultInterval
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if err := CheckName(cfg.Name); err != nil {
		return nil, err
	}
	w := &Witness{cfg: cfg, logs: map[string]*witnessed{}, byHash: map[string]*witnessed{}}
	if err := w.open(); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// CheckName says what is wrong with the name of a witness.
func CheckName(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("the witness's name %.40q… has %d bytes, and at most %d can be signed", name, len(name), maxName)
	}
	_, err := proof.NewVerifier(name, proof.Ed25519, make([]byte, ed25519.PublicKeySize))
	return err
}

func (w *Witness) open() (err error) {
	if err := w.cfg.FS.MkdirAll(w.logsDir()); err != nil {
		return err
	}
	if err := errors.Join(w.cfg.FS.SyncDir(w.cfg.Dir), w.cfg.FS.SyncDir(filepath.Dir(w.cfg.Dir))); err != nil {
		return err
	}
	if w.lock, err = w.cfg.FS.Lock(w.cfg.Dir + "/" + lockFile); err != nil {
		return fmt.Errorf("the witness's folder %s: %w", w.cfg.Dir, err)
	}
	if err := w.loadKeys(); err != nil {
		return err
	}
	for _, l := range w.cfg.Logs {
		if err := w.add(l); err != nil {
			return err
		}
	}
	return nil
}

func (w *Witness) logsDir() string { return w.cfg.Dir + "/" + logsDir }

// loadKeys reads the keys. A witness that has cosigned before gets no new ones.
func (w *Witness) loadKeys() error {
	files, err := w.cfg.FS.ReadDir(w.logsDir())
	if err != nil {
		return err
	}
	name := w.cfg.Dir + "/" + keysFile
	private, err := keyfile.Load(w.cfg.FS, name, keysHeader, len(files) == 0)
	if err != nil {
		return fmt.Errorf("keys of the witness in %s: %w; restore the file from a backup: nobody knows the witness by other keys", name, err)
	}
	ed, err1 := proof.NewEd25519Cosigner(w.cfg.Name, private.Ed25519, w.cfg.Now)
	pq, err2 := proof.NewMLDSA44Signer(w.cfg.Name, private.MLDSA44, w.cfg.Now)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	w.signers = []note.Signer{ed, pq}
	w.keys = []*proof.Verifier{ed.Verifier, pq.Verifier}
	return nil
}

func (w *Witness) add(l Log) error {
	var known []note.Verifier
	for _, k := range l.Keys {
		known = append(known, k)
	}
	s, err := load(w.cfg.FS, w.logsDir(), l.Origin)
	if err != nil {
		return err
	}
	log := &witnessed{Log: l, known: note.VerifierList(known...)}
	log.mu.state = *s
	w.logs[l.Origin], w.byHash[originHash(l.Origin)] = log, log
	return nil
}

// Keys are the witness's public keys: Ed25519 (type 0x04) and ML-DSA-44 (0x06).
func (w *Witness) Keys() []*proof.Verifier { return w.keys }

// Close lets go of the folder. No handler may run any more.
func (w *Witness) Close() error {
	if w.lock == nil {
		return nil
	}
	return w.lock.Close()
}
