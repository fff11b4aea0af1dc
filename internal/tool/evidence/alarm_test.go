package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/ledger/monitor"
	"github.com/evidentlog/evident/internal/tool"
)

var alarm = monitor.Event{
	ID: "example.com/events/1", Source: "example.com/events", Type: monitor.Fork, Subject: "a %\"ü", Time: time.Unix(1, 0),
	Data: monitor.Data{Message: "rewritten", Size: 7},
}

func TestAnAlarmIsPostedAsACloudEvent(t *testing.T) {
	var got *http.Request
	var body []byte
	tries := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tries++; tries == 1 {
			http.Error(w, "not yet", http.StatusServiceUnavailable)
			return
		}
		got = r
		body, _ = io.ReadAll(r.Body)
	}))
	defer server.Close()
	var out bytes.Buffer
	o := &outlet{env: tool.Env{Out: &out}, url: server.URL}
	if err := o.raise(t.Context(), alarm); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Ce-Specversion": "1.0", "Ce-Type": monitor.Fork, "Ce-Subject": "a%20%25%22%C3%BC", "Ce-Time": "1970-01-01T00:00:01Z",
		"Content-Type": "application/json",
	} {
		if got.Header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.Header.Get(name), want)
		}
	}
	if want := `{"message":"rewritten","size":7}`; string(body) != want {
		t.Errorf("got %s, want %s", body, want)
	}
	if !json.Valid(out.Bytes()) || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("printed %q", out.String())
	}
}

// full cannot be written to.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestAnAlarmThatReachesNobodyIsAnError(t *testing.T) {
	o := &outlet{env: tool.Env{Out: full{}}}
	if err := o.raise(t.Context(), alarm); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Error(err)
	}
}
