package cloudevents_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/internal/claim"
	"github.com/evidentlog/evident/internal/gateway/cloudevents"
	"github.com/evidentlog/evident/internal/gateway/intake"
	"github.com/evidentlog/evident/internal/vfs"
)

// A sender sends events until each is acknowledged, and wants the same place for each
// that is sent again later.
type sender struct {
	name   string
	mu     sync.Mutex
	places []place
}

// send sends events, each as often as it takes, until it is to stop.
func (s *sender) send(doors func() *door, stop <-chan struct{}) {
	for i := 0; ; {
		select {
		case <-stop:
			return
		default:
		}
		d := doors()
		a, err := d.send("/v1/topics/orders/events", "application/cloudevents+json", strings.NewReader(text(fmt.Sprintf("%s-%d", s.name, i))))
		var p place
		if err != nil || a.status != http.StatusAccepted || json.Unmarshal([]byte(a.text), &p) != nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		s.mu.Lock()
		s.places = append(s.places, p)
		s.mu.Unlock()
		i++
	}
}

// cuts sends events while the node loses its power, or is killed, at one of its writes to
// the disk after the other, and checks that each event is in the log once, where its
// sender was told.
func cuts(t *testing.T, loss evidenttest.Loss, newDoors bool) {
	evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
		topic(t, n, 2)
		var mu sync.Mutex
		d := open(t, n, nil)
		current := func() *door {
			mu.Lock()
			defer mu.Unlock()
			return d
		}
		n.Supervise(10 * time.Millisecond)
		n.Inject(evidenttest.SlowDisk(5 * time.Millisecond)) // so that something is always under way
		all := make([]sender, 3)
		var sending sync.WaitGroup
		stop := make(chan struct{})
		for i := range all {
			all[i].name = fmt.Sprint(i)
			sending.Go(func() { all[i].send(current, stop) })
		}
		for i := range 6 {
			var fault evidenttest.Fault = evidenttest.PowerCut(1+3*i, loss)
			if i%2 == 0 {
				fault = evidenttest.RequestFault{Requests: []kmsg.Key{kmsg.Produce}, When: evidenttest.When{Skip: i, Times: 1}, Do: evidenttest.CutPower}
			}
			cut := n.Inject(fault)
			n.Await(evidenttest.Hit(cut, 1))
			cut.Remove()
			if newDoors {
				current().kill()
			}
			time.Sleep(50 * time.Millisecond)
			if newDoors {
				next := open(t, n, nil)
				mu.Lock()
				d = next
				mu.Unlock()
			}
		}
		time.Sleep(50 * time.Millisecond) // for what came last
		close(stop)
		sending.Wait()
		logged := current().logged()
		ids := map[string]bool{}
		for p := range logged {
			if ids[p.ID] {
				t.Errorf("event %s is in the log twice", p.ID)
			}
			ids[p.ID] = true
		}
		for i := range all {
			if len(all[i].places) < 3 {
				t.Errorf("a sender was told of %d events only", len(all[i].places))
			}
			for _, p := range all[i].places {
				if _, ok := logged[p]; !ok {
					t.Errorf("the sender was told %+v, and there it is not", p)
				}
			}
		}
	}, evidenttest.WithoutLedger())
}

func TestPowerCutsNeitherLoseNorDoubleEvents(t *testing.T) {
	cuts(t, evidenttest.LoseUnsynced, true)
}

func TestKilledNodesNeitherLoseNorDoubleEvents(t *testing.T) {
	cuts(t, evidenttest.LoseNothing, true)
}

// The gateway may live on while the cluster that it writes to dies.
func TestAClusterThatDiesNeitherLosesNorDoublesEvents(t *testing.T) {
	cuts(t, evidenttest.LoseUnsynced, false)
}

func TestWhatIsNoEventIsRefusedWithAReason(t *testing.T) {
	n := evidenttest.Start(t, evidenttest.WithoutLedger())
	d := open(t, n, nil)
	const structured, batch = "application/cloudevents+json", "application/cloudevents-batch+json"
	for name, tc := range map[string]struct {
		contentType, body string
		header            []string
		status            int
		says              string
	}{
		"malformed JSON":            {structured, `{"specversion":"1.0",`, nil, 400, "invalid JSON: byte 21"},
		"no JSON at all":            {structured, `hello`, nil, 400, "invalid JSON"},
		"an empty body":             {structured, ``, nil, 400, "invalid JSON"},
		"bad UTF-8":                 {structured, "{\"specversion\":\"1.0\",\"id\":\"\xff\"}", nil, 400, "UTF-8"},
		"half a character":          {structured, `{"specversion":"1.0","id":"\ud800","source":"/","type":"t"}`, nil, 422, "id"},
		"no id":                     {structured, `{"specversion":"1.0","source":"/","type":"t"}`, nil, 422, "id is missing"},
		"another version":           {structured, `{"specversion":"0.3","id":"1","source":"/","type":"t"}`, nil, 422, "0.3"},
		"an attribute twice":        {structured, `{"specversion":"1.0","id":"1","id":"2","source":"/","type":"t"}`, nil, 422, "twice"},
		"a form":                    {"application/x-www-form-urlencoded", `a=1`, nil, 415, "ce-specversion"},
		"plain JSON":                {"application/json", `{}`, nil, 415, "application/cloudevents+json"},
		"no content type":           {"", `{}`, nil, 415, "ce-specversion"},
		"another format":            {"application/cloudevents+avro", `x`, nil, 415, "application/cloudevents+avro"},
		"another charset":           {structured + "; charset=utf-16", `x`, nil, 415, "utf-16"},
		"compressed":                {structured, text("1"), []string{"Content-Encoding", "gzip"}, 415, "gzip"},
		"a header that is no name":  {"", ``, []string{"ce-specversion", "1.0", "ce-id", "1", "ce-source", "/", "ce-type", "t", "ce-a_b", "1"}, 422, "a_b"},
		"a header, badly encoded":   {"", ``, []string{"ce-specversion", "1.0", "ce-id", "%ff", "ce-source", "/", "ce-type", "t"}, 422, "UTF-8"},
		"a batch that is an object": {batch, text("1"), nil, 400, "a batch begins with ["},
		"a batch that breaks off":   {batch, "[" + text("1") + ",", nil, 400, "invalid JSON"},
		"a batch and more":          {batch, "[" + text("1") + "] []", nil, 400, "something follows"},
		"JSON that is too deep":     {structured, `{"specversion":"1.0","id":"1","source":"/","type":"t","data":` + strings.Repeat("[", 100_000), nil, 400, "deep"},
	} {
		a := d.post(tc.contentType, tc.body, tc.header...)
		if a.status != tc.status || !strings.Contains(a.text, tc.says) || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s, want %d and %q", name, a.status, a.text, tc.status, tc.says)
		}
	}
	for path, status := range map[string]int{"/v1/events": 400, "/v1/topics/__cluster_metadata/events": 403, "/v1/topics/a%20b/events": 404} {
		if a, err := d.send(path, structured, strings.NewReader(text("1"))); err != nil || a.status != status {
			t.Errorf("%s: %d %s, %v, want %d", path, a.status, a.text, err, status)
		}
	}
	if a := d.post(structured, text("fine")); a.status != 202 || !strings.Contains(a.text, `"offset":0`) {
		t.Errorf("after all that: %d %s", a.status, a.text)
	}
}

// endless is a body without an end.
type endless struct{ read atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) {
	copy(p, strings.Repeat("x", len(p)))
	e.read.Add(int64(len(p)))
	return len(p), nil
}

func TestABodyThatIsTooLargeIsNotRead(t *testing.T) {
	n := evidenttest.Start(t, evidenttest.WithoutLedger())
	d := open(t, n, func(_ *intake.Config, c *cloudevents.Config) { c.MaxBody = 1 << 20 })
	for _, contentType := range []string{"application/cloudevents+json", "application/cloudevents-batch+json", "application/x-ndjson"} {
		body := new(endless)
		a, err := d.send("/v1/topics/orders/events", contentType, io.MultiReader(strings.NewReader("[{\"a\":\""), body))
		if err == nil && a.status != 413 && !strings.Contains(a.text, `"status":413`) {
			t.Errorf("%s: %d %s", contentType, a.status, a.text)
		}
		if read := body.read.Load(); read > 4<<20 {
			t.Errorf("%s: %d bytes of it were read", contentType, read)
		}
	}
	a := d.post("application/cloudevents+json", strings.Repeat(" ", 100<<20))
	if a.status != 413 || !strings.Contains(a.text, "it has 104857600 bytes, and may have 1048576") {
		t.Errorf("100 MB: %d %s", a.status, a.text)
	}
}

func TestWhatIsOnlyAnnouncedTakesNoRoomFromOthers(t *testing.T) {
	n := evidenttest.Start(t, evidenttest.WithoutLedger())
	arrived := make(chan struct{}, 100)
	d := open(t, n, func(_ *intake.Config, c *cloudevents.Config) {
		c.MaxBody, c.Pending = 1<<20, 2<<20
		c.MayWrite = func(*http.Request) error { arrived <- struct{}{}; return nil }
	})
	var silent sync.WaitGroup
	body, sent := io.Pipe()
	for range 8 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://gateway.example/v1/topics/orders/events", body)
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = 1 << 20
		silent.Go(func() {
			if resp, err := d.client.Do(r); err == nil {
				_ = resp.Body.Close() // it is of a body that broke off
			}
		})
		<-arrived
	}
	a := d.post("application/cloudevents+json", text("1"))
	if a.status != http.StatusAccepted {
		t.Errorf("%d %s", a.status, a.text)
	}
	_ = sent.CloseWithError(io.ErrUnexpectedEOF) // it returns nil
	silent.Wait()
}

func TestLargeDataIsKeptElsewhere(t *testing.T) {
	n := evidenttest.Start(t, evidenttest.WithoutLedger())
	store, err := claim.OpenFolder(vfs.NewMem(), "/claims")
	if err != nil {
		t.Fatal(err)
	}
	d := open(t, n, func(c *intake.Config, _ *cloudevents.Config) { c.Claims = store })
	data := strings.Repeat("large ", 1<<19)
	for range 2 {
		if a := d.post("text/plain", data, "ce-specversion", "1.0", "ce-id", "1", "ce-source", "/s", "ce-type", "t"); a.status != 202 {
			t.Fatalf("%d %s", a.status, a.text)
		}
	}
	logged := d.logged()
	if len(logged) != 1 {
		t.Errorf("the log has %d events, want 1", len(logged))
	}
	for _, e := range logged {
		desk := claim.Desk{Store: store}
		whole, err := desk.Redeem(t.Context(), e)
		if err != nil || string(whole.Data) != data || e.Data != nil {
			t.Errorf("the log has %d bytes, and elsewhere are %d, %v", len(e.Data), len(whole.Data), err)
		}
	}
	plain := open(t, n, nil)
	if a := plain.post("text/plain", data, "ce-specversion", "1.0", "ce-id", "2", "ce-source", "/s", "ce-type", "t"); a.status != 413 {
		t.Errorf("without a store: %d %s", a.status, a.text)
	}
}

func TestTheHandshakeOfWebhooksLetsInWhoMayCome(t *testing.T) {
	n := evidenttest.Start(t, evidenttest.WithoutLedger())
	d := open(t, n, func(_ *intake.Config, c *cloudevents.Config) { c.Origins = []string{"events.example.com"} })
	for _, tc := range []struct {
		origin, rate, allowed string
		status                int
	}{
		{"events.example.com", "120", "events.example.com", 200},
		{"events.example.com", "", "events.example.com", 200},
		{"evil.example.com", "120", "", 403},
		{"events.example.com", "-1", "", 400},
		{"", "", "", 204},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, "http://gateway.example/v1/topics/orders/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("WebHook-Request-Origin", tc.origin)
		if tc.rate != "" {
			r.Header.Set("WebHook-Request-Rate", tc.rate)
		}
		resp, err := d.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close() // nothing is read
		if got := resp.Header.Get("WebHook-Allowed-Origin"); resp.StatusCode != tc.status || got != tc.allowed || resp.Header.Get("Allow") != "GET, HEAD, OPTIONS, POST" {
			t.Errorf("%+v: %d, %q", tc, resp.StatusCode, got)
		}
		if got := resp.Header.Get("WebHook-Allowed-Rate"); tc.status == 200 && got != "*" {
			t.Errorf("%+v: a rate of %q", tc, got)
		}
	}
}
