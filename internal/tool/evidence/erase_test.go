package evidence

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

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
			e := Erase{URL: node.URL, Yes: true, Timeout: time.Minute}
			if err := e.Run(t.Context(), tool.Env{}, []string{"orders/0@1"}); err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	node := httptest.NewServer(http.NotFoundHandler())
	node.Close()
	e := Erase{URL: node.URL, Yes: true, Timeout: time.Minute}
	if err := e.Run(t.Context(), tool.Env{}, []string{"orders/0@1"}); err == nil || !strings.HasPrefix(err.Error(), "not erased: cannot reach ") {
		t.Errorf("got %v of a node that is not there", err)
	}
}
