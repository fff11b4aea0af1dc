package evidence

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/tool"
)

func TestWhatCannotBeMadeAgainIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		status             int
		body, print, fails string
	}{
		"mended":       {http.StatusOK, `{"size":600,"mended":"40"}`, "size 600\n  40\n", ""},
		"nothing":      {http.StatusOK, `{"size":600}`, "no entry had to be made again", ""},
		"a tile stays": {http.StatusOK, `{"size":600,"mended":"300","unmended":"22","unprovable":"0-255"}`, "  300\n", "at offsets 22, all or some: offsets 0-255 cannot be proven"},
		"salts":        {http.StatusOK, `{"size":600,"without_salts":"5-9"}`, "size 600", "offsets 5-9 cannot be proven"},
		"refused":      {http.StatusConflict, `{"detail":"the first offset that does not fit is 5"}`, "", "not rebuilt: the first offset that does not fit is 5"},
	} {
		t.Run(name, func(t *testing.T) {
			node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost || r.URL.EscapedPath() != "/v1/topics/orders/partitions/3/rebuild" {
					t.Errorf("%s %s", r.Method, r.URL)
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			defer node.Close()
			var out bytes.Buffer
			err := Rebuild{URL: node.URL, TokenFile: tokenFile(t), Timeout: time.Minute}.Run(t.Context(), tool.Env{Out: &out}, "orders/3")
			if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%v, want %q", err, c.fails)
			}
			if !strings.Contains(out.String(), c.print) {
				t.Errorf("printed %q, want %q", out.String(), c.print)
			}
		})
	}
	for _, wrong := range []string{"orders", "/3", "orders/", "orders/x", "orders/-1", "orders/3@5"} {
		if err := (Rebuild{}).Run(t.Context(), tool.Env{}, wrong); !errors.As(err, new(*tool.UsageError)) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}
