package opentimestamps

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/ledger/anchor"
	"github.com/evidentlog/evident/proof/opentimestamps"
)

// liar is a calendar that names a block at once, with a path that leads nowhere.
func liar(t *testing.T, lie func() []byte) string {
	t.Helper()
	var url string
	url = server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, _ = w.Write(answerOf(promiseOf(url)))
			return
		}
		_, _ = w.Write(lie())
	})
	return url
}

// What the first calendar says may be a lie, and the node cannot tell: it goes on
// asking the others, and the receipt has the word of all of them.
func TestALieOfOneCalendarDoesNotEndTheQuestions(t *testing.T) {
	honest := newCalendar(t)
	bad := liar(t, func() []byte { return answerOf(blockAt(900000)) })
	var log bytes.Buffer
	a := open(bad, honest.url)
	a.cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	r := upgrade(t, a, submit(t, a), anchor.Usable)
	r = upgrade(t, a, r, anchor.Usable) // still
	if strings.Contains(log.String(), "contradict") {
		t.Error("one calendar contradicts itself")
	}
	honest.confirm(900000)
	r = upgrade(t, a, r, anchor.Final)
	if h, promises := heights(t, r); len(h) != 2 || promises != 0 {
		t.Errorf("blocks %v and %d promises", h, promises)
	}
	if !strings.Contains(log.String(), "contradict one another about a Bitcoin block") {
		t.Errorf("nobody is told that two roots of one block were given: %s", log.String())
	}
}

// A calendar that answers with as much as it may does not keep out what others give.
func TestAnAnswerThatDoesNotFitTakesNothingFromOthers(t *testing.T) {
	deep := opentimestamps.Tree{{Attestation: blockAt(1)}}
	for range 255 {
		deep = opentimestamps.Tree{{Op: opentimestamps.SHA256, Then: deep}}
	}
	var many []*opentimestamps.Attestation
	for i := range int64(800) {
		many = append(many, blockAt(i+1_000_000))
	}
	for name, lie := range map[string][]byte{"deep": deep.AppendTo(nil), "many blocks": answerOf(many...), "nested promises": answerOf(blockAt(7), promiseOf("https://a.calendar.opentimestamps.org"))} {
		honest := newCalendar(t)
		// So deep that the lie does not fit behind it.
		path := opentimestamps.Tree{{Attestation: promiseOf("")}}
		bad := liar(t, func() []byte { return lie })
		path[0].Attestation.URI = bad
		for range 8 {
			path = opentimestamps.Tree{{Op: opentimestamps.SHA256, Then: path}}
		}
		a := open(bad, honest.url)
		r := submit(t, a)
		f, err := opentimestamps.Parse(r.Data)
		if err != nil {
			t.Fatal(err)
		}
		f.Tree = append(path, f.Tree.Prune(func(at *opentimestamps.Attestation) bool { return at.URI == honest.url })...)
		honest.confirm(900000)
		better, err := a.Upgrade(t.Context(), checkpoint, anchor.Receipt{Data: f.Bytes()})
		if err != nil || better.State == anchor.Pending {
			t.Fatalf("%s: state %d, %v", name, better.State, err)
		}
		if h, promises := heights(t, better); h[len(h)-1] != 900000 || promises > 1 {
			t.Errorf("%s: %d blocks, the last of which is %d; %d promises", name, len(h), h[len(h)-1], promises)
		}
	}
}

// All calendars are asked at once, and one that fails is left alone for a while,
// so that it delays no other receipt.
func TestACalendarThatFailsIsLeftAlone(t *testing.T) {
	honest := newCalendar(t)
	var asked atomic.Int64
	var url string
	url = server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = w.Write(answerOf(promiseOf(url)))
			return
		}
		asked.Add(1)
		http.Error(w, "sorry", http.StatusBadGateway)
	})
	a := open(url, honest.url)
	now := time.Unix(1_700_000_000, 0)
	a.cfg.Now = func() time.Time { return now }
	r := submit(t, a)
	for range 10 {
		r = upgrade(t, a, r, anchor.Pending)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times at once", n)
	}
	now = now.Add(time.Minute)
	upgrade(t, a, r, anchor.Pending)
	if n := asked.Load(); n != 2 {
		t.Errorf("asked %d times after a minute", n)
	}
	honest.confirm(7)
	if h, _ := heights(t, upgrade(t, a, r, anchor.Usable)); fmt.Sprint(h) != "[7]" {
		t.Errorf("blocks %v", h)
	}
}

// A promise of one calendar twice, for two messages, is kept twice.
func TestTwoPromisesOfOneCalendarAreToldApart(t *testing.T) {
	c := newCalendar(t)
	a := open(c.url)
	r := submit(t, a)
	f, err := opentimestamps.Parse(r.Data)
	if err != nil {
		t.Fatal(err)
	}
	f.Tree.Merge(opentimestamps.Tree{{Op: opentimestamps.SHA256, Then: opentimestamps.Tree{{Attestation: promiseOf(c.url)}}}})
	other := sha256.Sum256(f.Digest)
	c.confirm(7)
	r = upgrade(t, a, anchor.Receipt{Data: f.Bytes()}, anchor.Usable)
	c.mu.Lock()
	c.mu.known[fmt.Sprintf("%x", other)] = true
	c.mu.Unlock()
	if h, promises := heights(t, upgrade(t, a, r, anchor.Final)); len(h) != 2 || promises != 0 {
		t.Errorf("blocks %v and %d promises", h, promises)
	}
}

// Each of two calendars answers once the other one has been asked, too.
func TestCalendarsAreAskedSideBySide(t *testing.T) {
	both := make(chan struct{})
	var asked atomic.Int64
	var urls []string
	for range 2 {
		var url string
		url = server(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				_, _ = w.Write(answerOf(promiseOf(url)))
				return
			}
			if asked.Add(1) == 2 {
				close(both)
			}
			select {
			case <-both:
				_, _ = w.Write(answerOf(blockAt(9)))
			case <-r.Context().Done():
			}
		})
		urls = append(urls, url)
	}
	a := open(urls...)
	upgrade(t, a, submit(t, a), anchor.Final)
}
