package opentimestamps

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/ledger/anchor"
	"github.com/evidentlog/evident/proof/opentimestamps"
)

const checkpoint = "example.com/events\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— example.com/events AAAAAAAA\n"

// A calendar speaks the protocol of OpenTimestamps' calendars.
type calendar struct {
	url string

	mu struct {
		sync.Mutex
		height int64           // of the Bitcoin block that has all promises; 0: none yet
		known  map[string]bool // messages, in hexadecimal
	}
}

func newCalendar(t *testing.T) *calendar {
	t.Helper()
	c := &calendar{}
	c.mu.known = map[string]bool{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /digest", c.digest)
	mux.HandleFunc("GET /timestamp/{message}", c.timestamp)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// digest takes a digest in, and promises to go on from the hash of it and a nonce.
func (c *calendar) digest(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if len(body) != sha256.Size || r.Header.Get("Accept") != "application/vnd.opentimestamps.v1" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	nonce := []byte(c.url)
	message := sha256.Sum256(append(body, nonce...))
	c.mu.Lock()
	c.mu.known[hex.EncodeToString(message[:])] = true
	c.mu.Unlock()
	promise := &opentimestamps.Attestation{Kind: opentimestamps.Pending, URI: c.url}
	tree := opentimestamps.Tree{{Op: opentimestamps.Append, Argument: nonce, Then: opentimestamps.Tree{
		{Op: opentimestamps.SHA256, Then: opentimestamps.Tree{{Attestation: promise}}}}}}
	_, _ = w.Write(tree.AppendTo(nil))
}

func (c *calendar) timestamp(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.height == 0 || !c.mu.known[r.PathValue("message")] {
		http.Error(w, "Pending confirmation in Bitcoin blockchain", http.StatusNotFound)
		return
	}
	block := &opentimestamps.Attestation{Kind: opentimestamps.Bitcoin, Height: c.mu.height}
	tree := opentimestamps.Tree{{Op: opentimestamps.SHA256, Then: opentimestamps.Tree{{Attestation: block}}}}
	_, _ = w.Write(tree.AppendTo(nil))
}

func (c *calendar) confirm(height int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.height = height
}

func blockAt(height int64) *opentimestamps.Attestation {
	return &opentimestamps.Attestation{Kind: opentimestamps.Bitcoin, Height: height}
}

func promiseOf(url string) *opentimestamps.Attestation {
	return &opentimestamps.Attestation{Kind: opentimestamps.Pending, URI: url}
}

// answerOf is what a calendar says that attests the message it was given.
func answerOf(attestations ...*opentimestamps.Attestation) []byte {
	var tree opentimestamps.Tree
	for _, at := range attestations {
		tree = append(tree, opentimestamps.Branch{Attestation: at})
	}
	return tree.AppendTo(nil)
}

// server answers everything in one way.
func server(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s.URL
}

func open(calendars ...string) *Anchor {
	client := anchor.NewClient()
	client.Timeout = 0 // nobody knows how slow a machine is
	return New(Config{Calendars: calendars, Client: client, Logger: slog.New(slog.DiscardHandler)})
}

func submit(t *testing.T, a *Anchor) anchor.Receipt {
	t.Helper()
	r, err := a.Submit(t.Context(), checkpoint)
	if err != nil || r.State != anchor.Pending {
		t.Fatalf("state %d, %v", r.State, err)
	}
	return r
}

func upgrade(t *testing.T, a *Anchor, r anchor.Receipt, want anchor.State) anchor.Receipt {
	t.Helper()
	r, err := a.Upgrade(t.Context(), checkpoint, r)
	if err != nil || r.State != want {
		t.Fatalf("state %d, want %d; %v", r.State, want, err)
	}
	if err := a.Verify(checkpoint, r.Data); err != nil {
		t.Fatal(err)
	}
	return r
}

// heights are the Bitcoin blocks in a receipt, and how many promises are left.
func heights(t *testing.T, r anchor.Receipt) (heights []int64, promises int) {
	t.Helper()
	f, err := opentimestamps.Parse(r.Data)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Tree.Walk(f.Digest, func(_ []byte, at *opentimestamps.Attestation) error {
		if at.Kind == opentimestamps.Bitcoin {
			heights = append(heights, at.Height)
		} else {
			promises++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return heights, promises
}

func TestAPendingReceiptBecomesOneOfBitcoin(t *testing.T) {
	first, second := newCalendar(t), newCalendar(t)
	a := open(first.url, second.url)
	r := submit(t, a)
	r = upgrade(t, a, r, anchor.Pending)
	first.confirm(900000)
	r = upgrade(t, a, r, anchor.Usable)
	if h, promises := heights(t, r); len(h) != 1 || promises != 1 {
		t.Errorf("blocks %v and %d promises", h, promises)
	}
	second.confirm(900001)
	r = upgrade(t, a, r, anchor.Final)
	if h, promises := heights(t, r); len(h) != 2 || promises != 0 {
		t.Errorf("blocks %v and %d promises", h, promises)
	}
	if err := a.Verify(strings.Replace(checkpoint, "\n7\n", "\n8\n", 1), r.Data); err == nil {
		t.Error("the receipt is taken for another checkpoint's")
	}
}

func TestOneCalendarThatAnswersIsEnough(t *testing.T) {
	good := newCalendar(t)
	down := server(t, nil)
	stranger := newCalendar(t) // promises in a name that was not given
	for name, bad := range map[string]string{
		"down":    down[:len(down)-1] + "0",
		"failing": server(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) }),
		"garbage": server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }),
		"empty":   server(t, func(http.ResponseWriter, *http.Request) {}),
		"huge":    server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1<<20)) }),
		"elsewhere": server(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, stranger.url+"/digest", http.StatusTemporaryRedirect)
		}),
		"in the name of another": server(t, stranger.digest),
		"no promise": server(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(answerOf(&opentimestamps.Attestation{Tag: [8]byte{1}}))
		}),
		"a block at once": server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(answerOf(blockAt(1))) }),
		"three promises": server(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(answerOf(promiseOf(good.url), promiseOf(good.url+"/"), promiseOf("https://a.calendar.opentimestamps.org")))
		}),
	} {
		r := submit(t, open(bad, good.url))
		if _, promises := heights(t, r); promises != 1 {
			t.Errorf("%s: %d promises", name, promises)
		}
		if r, err := open(bad).Submit(t.Context(), checkpoint); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s, alone: %x, %v", name, r.Data, err)
		}
	}
}

func TestACalendarThatDoesNotAnswerEndsWithTheContext(t *testing.T) {
	asked := make(chan struct{})
	stuck := server(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		close(asked)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	go func() { <-asked; cancel() }()
	if _, err := open(stuck).Submit(ctx, checkpoint); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestWhatACalendarSaysLaterIsCheckedToo(t *testing.T) {
	good := newCalendar(t)
	a := open(good.url)
	pending := submit(t, a)
	deep := opentimestamps.Tree{{Attestation: &opentimestamps.Attestation{Kind: opentimestamps.Bitcoin, Height: 1}}}
	for range 255 {
		deep = opentimestamps.Tree{{Op: opentimestamps.SHA256, Then: deep}}
	}
	for name, answer := range map[string][]byte{
		"garbage":                   []byte("<html>"),
		"a hash that is too deep":   deep.AppendTo(nil),
		"more than may be answered": make([]byte, maxAnswer+1),
	} {
		bad := server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(answer) })
		// The same promise, at the bad calendar.
		f, err := opentimestamps.Parse(pending.Data)
		if err != nil {
			t.Fatal(err)
		}
		f.Tree[0].Then[0].Then[0].Attestation.URI = bad
		r, err := open(bad).Upgrade(t.Context(), checkpoint, anchor.Receipt{Data: f.Bytes()})
		if err == nil || r.State != anchor.Pending {
			t.Errorf("%s: state %d, %v", name, r.State, err)
		}
	}
	// A second promise instead of a block leaves the receipt as it is.
	again := server(t, good.digest)
	f, _ := opentimestamps.Parse(pending.Data)
	f.Tree[0].Then[0].Then[0].Attestation.URI = again
	if r, err := open(again).Upgrade(t.Context(), checkpoint, anchor.Receipt{Data: f.Bytes()}); r.State != anchor.Pending {
		t.Errorf("state %d, %v", r.State, err)
	}
	if _, err := a.Upgrade(t.Context(), checkpoint, anchor.Receipt{Data: []byte("?")}); !errors.Is(err, anchor.ErrLost) {
		t.Errorf("a receipt that is none: %v", err)
	}
}

func TestOnlyCalendarsThatAreKnownAreAsked(t *testing.T) {
	a := open("https://calendar.example:8443")
	for uri, want := range map[string]bool{
		"https://calendar.example:8443":                 true,
		"https://alice.btc.calendar.opentimestamps.org": true,
		"http://alice.btc.calendar.opentimestamps.org":  false,
		"https://calendar.opentimestamps.org.evil.org":  false,
		"https://127.0.0.1":                             false,
		"https://a.calendar.opentimestamps.org:22":      false,
		"": false,
	} {
		if a.allowed(uri) != want {
			t.Errorf("%q: %v, want %v", uri, !want, want)
		}
	}
}

func TestAnAddressThatIsNoCalendarsIsSaidToBeNone(t *testing.T) {
	url := server(t, http.NotFound)
	if _, err := open(url).Submit(t.Context(), checkpoint); err == nil || errors.Is(err, errNotYet) || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %v", err)
	}
}
