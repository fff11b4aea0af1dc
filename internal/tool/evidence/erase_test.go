package evidence

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/auth/token"
	"github.com/evidentlog/evident/internal/ledger/erasure"
	"github.com/evidentlog/evident/internal/tool"
)

// Only what the node did not begin is told as not erased.
func TestAnErasureWithoutAnAnswerIsNotToldAsUndone(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"refused":          {http.StatusNotFound, `{"detail":"there is no such topic"}`, "not erased: there is no such topic"},
		"not yet":          {http.StatusServiceUnavailable, `{"detail":"wait"}`, "not erased: wait"},
		"no ledger":        {http.StatusNotFound, "404 page not found", "not erased: the node at "},
		"failed":           {http.StatusInternalServerError, `{"detail":"the disk is full"}`, "it is not known what was erased, if anything: the disk is full; "},
		"an answer cut":    {http.StatusOK, `{"by":"User:ANONYMOUS","erased":[{`, "it is not known what was erased, if anything: unexpected end of JSON input; "},
		"a connection cut": {0, "", "it is not known what was erased, if anything: cannot reach "},
	} {
		t.Run(name, func(t *testing.T) {
			node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if c.status == 0 {
					panic(http.ErrAbortHandler)
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			defer node.Close()
			e := Erase{URL: node.URL, Yes: true, Timeout: time.Minute, TokenFile: tokenFile(t)}
			if err := e.Run(t.Context(), tool.Env{}, []string{"orders/0@1"}); err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	node := httptest.NewServer(http.NotFoundHandler())
	node.Close()
	e := Erase{URL: node.URL, Yes: true, Timeout: time.Minute, TokenFile: tokenFile(t)}
	if err := e.Run(t.Context(), tool.Env{}, []string{"orders/0@1"}); err == nil || !strings.HasPrefix(err.Error(), "not erased: cannot reach ") {
		t.Errorf("got %v of a node that is not there", err)
	}
}

func TestWhatRemainsIsAnError(t *testing.T) {
	for want, e := range map[string]erasure.Erased{
		"":                                 {Records: erasure.Destroyed},
		"on the Kafka cluster":             {Records: erasure.Remains},
		"cannot be read":                   {Records: erasure.Remains, Unreadable: "2-3"},
		"the node goes on with it":         {Records: erasure.Pending, Error: "the disk is full"},
		"not erased: /0@: the tree is old": {Records: erasure.Failed, Error: "the tree is old"},
	} {
		if err := incomplete(&erasure.Result{Erased: []erasure.Erased{e}}); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", e, err, want)
		}
	}
}

func tokenFile(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), token.File)
	if err := os.WriteFile(name, []byte("evident-token-1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
