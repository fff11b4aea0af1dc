package node_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/evidentlog/evident/node"
)

const anEvent = `{"specversion":"1.0","id":"1","source":"/s","type":"t"}`

// send posts an event to the topic orders.
func (p *provable) send(header ...string) (int, string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.web+"/v1/topics/orders/events", strings.NewReader(anEvent))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/cloudevents+json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func TestANodeTakesEventsOverHTTPOnceAlsoAfterAStart(t *testing.T) {
	p := startProvable(t, node.Config{})
	_, first := p.send()
	p.stop()
	p.start()
	if status, again := p.send(); status != http.StatusAccepted || again != first {
		t.Errorf("%d %s, want %s", status, again, first)
	}
	if status, text := get(t, p.web+"/v1/topics/orders/events?from=start&until=end"); status != http.StatusOK || strings.Count(text, "\n") != 1 {
		t.Errorf("it has %d %s", status, text)
	}
}

func TestEventsFromElsewhereNeedTheToken(t *testing.T) {
	p := startProvable(t, node.Config{})
	for name, tc := range map[string]struct {
		header []string
		status int
	}{
		"a program here":           {nil, http.StatusAccepted},
		"through a proxy":          {[]string{"X-Forwarded-For", "203.0.113.5"}, http.StatusUnauthorized},
		"a page of another site":   {[]string{"Sec-Fetch-Site", "cross-site"}, http.StatusUnauthorized},
		"a proxy with the token":   {[]string{"X-Forwarded-For", "203.0.113.5", "Authorization", "Bearer " + p.HTTPToken()}, http.StatusAccepted},
		"a proxy with another one": {[]string{"X-Forwarded-For", "203.0.113.5", "Authorization", "Bearer x"}, http.StatusUnauthorized},
	} {
		if status, text := p.send(tc.header...); status != tc.status {
			t.Errorf("%s: %d %s, want %d", name, status, text, tc.status)
		}
	}
}

func TestAMillionHeadersAreRefused(t *testing.T) {
	p := startProvable(t, node.Config{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.web, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	sent := make(chan struct{})
	defer func() { _ = conn.Close(); <-sent }()
	go func() {
		defer close(sent)
		_, err := io.WriteString(conn, "POST /v1/topics/orders/events HTTP/1.1\r\nHost: localhost\r\n")
		for range 1000 {
			if err == nil {
				_, err = io.WriteString(conn, strings.Repeat("ce-x: 1\r\n", 1000))
			}
		}
	}()
	line := make([]byte, len("HTTP/1.1 431"))
	if _, err := io.ReadFull(conn, line); err != nil || string(line) != "HTTP/1.1 431" {
		t.Errorf("the answer is %s, %v", line, err)
	}
}
