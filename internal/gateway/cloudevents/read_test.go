package cloudevents_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/evidenttest"
)

// A stream is an answer that goes on.
type stream struct {
	t     *testing.T
	lines *bufio.Scanner
	close func()
}

// read asks for events of the topic orders.
func (d *door) read(query string, header ...string) *stream {
	d.t.Helper()
	ctx, cancel := context.WithCancel(d.t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://gateway.example/v1/topics/orders/events?"+query, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := d.client.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		d.t.Fatalf("%s: %s %s", query, resp.Status, text)
	}
	s := &stream{d.t, bufio.NewScanner(resp.Body), func() { cancel(); _ = resp.Body.Close() }}
	d.t.Cleanup(s.close)
	return s
}

// next is the next line that is not empty; empty at the end.
func (s *stream) next() string {
	for s.lines.Scan() {
		if s.lines.Text() != "" {
			return s.lines.Text()
		}
	}
	return ""
}

// ids are those of the events of the next n lines, or of all if n is negative.
func (s *stream) ids(n int) []string {
	s.t.Helper()
	var ids []string
	for ; n != 0; n-- {
		line := s.next()
		if line == "" && n < 0 {
			break
		}
		e, err := event.ParseJSON([]byte(line))
		if err != nil {
			s.t.Fatalf("%q: %v", line, err)
		}
		ids = append(ids, e.ID)
	}
	return ids
}

// fill writes events with these numbers.
func (d *door) fill(from, to int) {
	d.t.Helper()
	var lines strings.Builder
	for i := from; i < to; i++ {
		lines.WriteString(text(fmt.Sprint(i)) + "\n")
	}
	if a := d.post("application/x-ndjson", lines.String()); !strings.Contains(a.text, `"failed":0`) {
		d.t.Fatal(a.text)
	}
}

func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestEventsAreReadFromWhereverOneLikes(t *testing.T) {
	evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
		topic(t, n, 1)
		d := open(t, n, nil)
		d.fill(0, 3)
		time.Sleep(time.Minute)
		noon := time.Now().UTC().Format(time.RFC3339)
		d.fill(3, 5)
		same(t, d.read("from=start&until=end").ids(-1), "0", "1", "2", "3", "4")
		same(t, d.read("from=3&until=end").ids(-1), "3", "4")
		same(t, d.read("from=2&partition=0&limit=2").ids(-1), "2", "3")
		same(t, d.read("from="+noon+"&until=end").ids(-1), "3", "4")
		same(t, d.read("from=end&until=end").ids(-1))
		same(t, d.read("from=start&until=end&type=other").ids(-1))
		same(t, d.read("from=start&until=end&subject=order-3&source=/shop&type=order.placed").ids(-1), "3")
		late := d.read("from=4")
		same(t, late.ids(1), "4")
		d.fill(5, 6)
		same(t, late.ids(1), "5")
		late.close()
	}, evidenttest.WithoutLedger())
}

func TestServerSentEventsGoOnWhereTheyWereCut(t *testing.T) {
	n := evidenttest.Start(t, evidenttest.WithoutLedger())
	topic(t, n, 3)
	d := open(t, n, nil)
	d.fill(0, 40)
	got, last := map[string]int{}, ""
	for range 8 {
		header := []string{"Accept", "text/event-stream"}
		if last != "" {
			header = append(header, "Last-Event-ID", last)
		}
		s := d.read("from=start", header...)
		s.next() // where it begins
		for range 5 {
			id, ok := strings.CutPrefix(s.next(), "id: ")
			data, ok2 := strings.CutPrefix(s.next(), "data: ")
			e, err := event.ParseJSON([]byte(data))
			if !ok || !ok2 || err != nil {
				t.Fatalf("%q %q, %v", id, data, err)
			}
			got[e.ID]++
			last = id
		}
		s.close()
	}
	if len(got) != 40 {
		t.Errorf("%d events were read, want 40: %v", len(got), got)
	}
}

func TestWhoIsLiveAndWhoComesLaterReadTheSame(t *testing.T) {
	n := evidenttest.Start(t, evidenttest.WithoutLedger())
	topic(t, n, 4)
	d := open(t, n, nil)
	d.fill(0, 50)
	const count = 400
	var readers sync.WaitGroup
	for i := range 12 {
		from := []string{"from=start", "from=end", "from=0.0.0.0"}[i%3]
		s := d.read(from)
		want := count
		if from == "from=end" {
			want -= 50
		}
		readers.Go(func() {
			seen := map[string]bool{}
			for _, id := range s.ids(want) {
				seen[id] = true
			}
			if len(seen) != want {
				t.Errorf("%s: %d different events, want %d", from, len(seen), want)
			}
			s.close()
		})
	}
	for i := 50; i < count; i += 25 {
		d.fill(i, i+25)
	}
	readers.Wait()
}

// A reader that takes nothing is behind, and then reads by itself what is not kept any
// more.
func TestASlowReaderHoldsNobodyUpAndMissesNothing(t *testing.T) {
	n := evidenttest.Start(t, evidenttest.WithoutLedger())
	topic(t, n, 2)
	d := open(t, n, nil)
	slow, quick := d.read("from=end"), d.read("from=end")
	slow.lines.Buffer(nil, 1<<20)
	quick.lines.Buffer(nil, 1<<20)
	const count = 40
	large := strings.Repeat("x", 400<<10)
	for i := range count {
		if a := d.post("text/plain", large, "ce-specversion", "1.0", "ce-id", fmt.Sprint(i), "ce-source", "/s", "ce-type", "t"); a.status != 202 {
			t.Fatal(a.text)
		}
		quick.ids(1)
	}
	seen := map[string]bool{}
	for _, id := range slow.ids(count) {
		seen[id] = true
	}
	if len(seen) != count {
		t.Errorf("the slow one has %d events, want %d", len(seen), count)
	}
}

func TestWhoRestsGetsAllUntilTheEnd(t *testing.T) {
	evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
		topic(t, n, 1)
		d := open(t, n, nil)
		large := strings.Repeat("x", 100<<10)
		for i := range 40 {
			if a := d.post("text/plain", large, "ce-specversion", "1.0", "ce-id", fmt.Sprint(i), "ce-source", "/s", "ce-type", "t"); a.status != 202 {
				t.Fatal(a.text)
			}
		}
		s := d.read("from=start&until=end")
		s.lines.Buffer(nil, 1<<20)
		s.ids(2)
		time.Sleep(50 * time.Second)
		if got := s.ids(-1); len(got) != 38 {
			t.Errorf("%d events after a rest, want 38", len(got))
		}
	}, evidenttest.WithoutLedger())
}

func TestAnAnswerThatANodeEndsIsCut(t *testing.T) {
	n := evidenttest.Start(t, evidenttest.WithoutLedger())
	topic(t, n, 1)
	d := open(t, n, nil)
	d.fill(0, 1)
	s := d.read("from=start")
	s.ids(1)
	d.api.Close()
	if line := s.next(); line != "" || s.lines.Err() == nil {
		t.Errorf("%q, %v: it looks complete", line, s.lines.Err())
	}
}

func TestQuietReadersGetSignsOfLife(t *testing.T) {
	evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
		topic(t, n, 1)
		d := open(t, n, nil)
		s := d.read("", "Accept", "text/event-stream")
		before := time.Now()
		for range 3 {
			if line := s.next(); !strings.HasPrefix(line, "id: 0~") {
				t.Errorf("it says %q, want its position", line)
			}
		}
		if quiet := time.Since(before); quiet > time.Minute {
			t.Errorf("three signs of life took %v", quiet)
		}
		s.close()
	}, evidenttest.WithoutLedger())
}

func TestWhatCannotBeReadIsSaid(t *testing.T) {
	n := evidenttest.Start(t, evidenttest.WithoutLedger())
	topic(t, n, 2)
	d := open(t, n, nil)
	for path, status := range map[string]int{
		"orders/events?from=yesterday":        400,
		"orders/events?from=7":                400,
		"orders/events?from=1.2.3":            400,
		"orders/events?form=start":            400,
		"orders/events?limit=0":               400,
		"orders/events?until=tomorrow":        400,
		"orders/events?partition=x":           400,
		"orders/events?from=7&partition=2":    400,
		"orders/events?from=0&partition=2":    400,
		"orders/events?partition=2&until=end": 400,
		"orders/events?from=7&partition=1":    400,
		"orders/events?from=0.1":              400,
		"orders/events?from=0.0~":             400,
		"orders/events?from=0.0~12345678":     400,
		"nowhere/events?from=start":           404,
		"orders/events?from=start&from=end":   400,
		"orders/events?from=start;until=end":  400,
		"orders/events?from=-1.0&until=end":   400,
		"orders/events?from=%2b1.0&until=end": 400,
	} {
		resp, err := d.client.Get("http://gateway.example/v1/topics/" + path)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != status {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, status)
		}
		_ = resp.Body.Close() // nothing is read
	}
}
