package rest_test

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/evidentlog/evident/internal/schema/registry"
	"github.com/evidentlog/evident/internal/schema/registry/registrytest"
	"github.com/evidentlog/evident/internal/schema/registry/rest"
)

var update = flag.Bool("update", false, "write the answers into the scripts")

// serve serves a registry of its own over HTTP. Who sends the header Stranger may change
// nothing.
func serve(t *testing.T, r *registry.Registry) *httptest.Server {
	api := &rest.API{
		Registry: r, Version: "1.2.3",
		Authorize: func(r *http.Request) error {
			if r.Header.Get("Stranger") != "" {
				return errors.New("strangers only read")
			}
			return nil
		},
		Forward: func(*http.Request, string, []byte) (*http.Response, error) {
			return nil, errors.New("there is no other node")
		},
	}
	s := httptest.NewServer(api.Handler())
	t.Cleanup(s.Close)
	return s
}

// A script has requests, "> METHOD PATH [BODY]", each with its answer below, "< STATUS
// BODY", and comments. All scripts run on registries of their own.
func TestRequestsAreAnsweredAsConfluentsRegistryDoes(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatal(scripts, err)
	}
	for _, name := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			t.Parallel()
			c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SleepOutOfOrder())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			w := registrytest.NewWorld(t, c.ListenAddrs())
			w.Now = func() time.Time { return time.UnixMilli(1_700_000_000_000) }
			r, _ := w.Node()
			registrytest.Leads(t, r)
			run(t, serve(t, r).URL, name)
		})
	}
}

func run(t *testing.T, base, name string) {
	script, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var is []string
	for line := range strings.Lines(string(script)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "< ") {
			continue
		}
		is = append(is, line)
		if request, ok := strings.CutPrefix(line, "> "); ok {
			is = append(is, "< "+ask(t, base, request))
		}
	}
	got := strings.Join(is, "\n") + "\n"
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := strings.Split(strings.TrimSuffix(string(script), "\n"), "\n")
	for i, line := range is {
		if i >= len(want) || line != want[i] {
			t.Fatalf("line %d: after %q got\n%s\nwant\n%s", i+1, is[max(0, i-1)], line, append(want, "nothing")[min(i, len(want))])
		}
	}
	if len(is) != len(want) {
		t.Errorf("the script has %d lines, and %d are right", len(want), len(is))
	}
}

// ask sends a request, and returns its answer in a line.
func ask(t *testing.T, base, request string) string {
	t.Helper()
	method, rest, _ := strings.Cut(request, " ")
	path, body, _ := strings.Cut(rest, " ")
	r, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", resp.StatusCode, b))
}
