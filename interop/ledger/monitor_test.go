package ledger

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"

	"github.com/evidentlog/evident/interop/evident"
)

// A tesseraLog is a log that Tessera keeps in a folder.
type tesseraLog struct {
	t      *testing.T
	dir    string
	signer note.Signer
}

// add adds entries to the log, and waits until a checkpoint has them.
func (l tesseraLog) add(what string, count int) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	driver, err := posix.New(ctx, posix.Config{Path: l.dir})
	if err != nil {
		l.t.Fatal(err)
	}
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, tessera.NewAppendOptions().
		WithCheckpointSigner(l.signer).WithBatching(256, 50*time.Millisecond).WithCheckpointInterval(100*time.Millisecond))
	if err != nil {
		l.t.Fatal(err)
	}
	await := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 50*time.Millisecond)
	var last tessera.IndexFuture
	for i := range count {
		last = appender.Add(ctx, tessera.NewEntry(fmt.Appendf(nil, "%s %d", what, i)))
	}
	if _, _, err := await.Await(ctx, last); err != nil {
		l.t.Fatal(err)
	}
	if err := shutdown(ctx); err != nil {
		l.t.Fatal(err)
	}
}

// The monitor follows a log that Tessera has made, and finds that it was made anew.
func TestTheMonitorFollowsALogOfTessera(t *testing.T) {
	secret, public, err := note.GenerateKey(rand.Reader, "example.com/tessera")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	log := tesseraLog{t, t.TempDir(), signer}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.FileServer(http.Dir(log.dir)).ServeHTTP(w, r)
	}))
	defer web.Close()
	state, monitor := t.TempDir()+"/monitor", *program
	if monitor == "" {
		if monitor, err = evident.Build(t.Context(), t.TempDir()); err != nil {
			t.Fatal(err)
		}
	}
	look := func() (events, complaints string, err error) {
		var out, errs bytes.Buffer
		cmd := exec.CommandContext(t.Context(), monitor, "monitor", web.URL, "--root-only", "--vkey", public, "--once", "--state", state)
		cmd.Stdout, cmd.Stderr = &out, &errs
		err = cmd.Run()
		return out.String(), errs.String(), err
	}
	for _, count := range []int{1, 300, 700, 5} {
		log.add("entry", count)
		if events, complaints, err := look(); err != nil || events != "" {
			t.Fatalf("%v\n%s%s", err, events, complaints)
		}
	}
	log.dir = t.TempDir()
	log.add("another entry", 1500)
	events, complaints, err := look()
	if err == nil || !strings.Contains(events, `"type":"evident.monitor.fork"`) {
		t.Errorf("%v\n%s%s", err, events, complaints)
	}
	if files, err := os.ReadDir(state + "/evidence"); err != nil || len(files) != 1 {
		t.Errorf("evidence: %v, %v", files, err)
	}
}
