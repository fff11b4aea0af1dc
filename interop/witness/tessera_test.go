package witness

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

// A tesseraLog is a log of Tessera on a disk, with a witness.
type tesseraLog struct {
	t        *testing.T
	appender *tessera.Appender
	awaiter  *tessera.PublicationAwaiter
	stop     func(context.Context) error
	cancel   context.CancelFunc // of what goes on after stop
}

// openTessera opens a log, which publishes at once what the witness cosigns; or
// all that there is, without a witness.
func openTessera(t *testing.T, dir string, key note.Signer, w *peer) (*tesseraLog, error) {
	t.Helper()
	options := tessera.NewAppendOptions().WithCheckpointSigner(key).WithCheckpointInterval(100*time.Millisecond).
		WithBatching(1, 10*time.Millisecond)
	if w != nil {
		group, err := tessera.NewWitnessGroupFromPolicy(fmt.Appendf(nil, "witness w %s %s\nquorum w\n", w.vkey, w.url))
		if err != nil {
			t.Fatal(err)
		}
		options = options.WithWitnesses(group, nil)
	}
	driver, err := posix.New(t.Context(), posix.Config{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	a, stop, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		cancel()
		return nil, err
	}
	return &tesseraLog{t, a, tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 20*time.Millisecond), stop, cancel}, nil
}

// grow adds entries that begin with a word, and waits until a checkpoint with
// each is published.
func (l *tesseraLog) grow(word string, count int) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	for i := range count {
		if _, _, err := l.awaiter.Await(ctx, l.appender.Add(ctx, tessera.NewEntry(fmt.Appendf(nil, "%s %d", word, i)))); err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l *tesseraLog) end() {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	if err := l.stop(ctx); err != nil {
		l.t.Error(err)
	}
	l.cancel()
}

// Tessera publishes no checkpoint that its witness has not cosigned.
func TestALogOfTesseraIsCosignedAndItsForkIsNot(t *testing.T) {
	private, public, err := note.GenerateKey(nil, "example.com/tessera")
	if err != nil {
		t.Fatal(err)
	}
	key, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	w := startOurs(t, "", public)
	log, err := openTessera(t, t.TempDir(), key, &w)
	if err != nil {
		t.Fatal(err)
	}
	log.grow("entry", 5)

	forked := t.TempDir()
	if _, err := openTessera(t, t.TempDir(), key, &w); err == nil || !strings.Contains(err.Error(), "x.tlog.size 5, larger than log size 0") {
		t.Errorf("a new log with the key: %v", err)
	}
	fork, err := openTessera(t, forked, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	fork.grow("another entry", 8)
	fork.end()
	if fork, err = openTessera(t, forked, key, &w); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if _, _, err := fork.awaiter.Await(ctx, fork.appender.Add(ctx, tessera.NewEntry([]byte("one more")))); err == nil {
		t.Error("a longer fork is published")
	}
	fork.cancel()
	log.grow("more", 3)
	log.end()
}
