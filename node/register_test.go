package node

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/evidentlog/evident/internal/auth/token"
	"github.com/evidentlog/evident/internal/vfs"
)

// Programs on the machine register as they are; from elsewhere the token is shown, in
// whichever way a client can.
func TestWhoMayRegister(t *testing.T) {
	secret, err := token.Load(vfs.NewMem(), "/token")
	if err != nil {
		t.Fatal(err)
	}
	here, there := "127.0.0.1:5000", "192.0.2.1:5000"
	for name, tc := range map[string]struct {
		from   string
		change func(*http.Request)
		may    bool
	}{
		"a program here":            {here, func(*http.Request) {}, true},
		"a page of another site":    {here, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, false},
		"somebody elsewhere":        {there, func(*http.Request) {}, false},
		"with a bearer token":       {there, secret.Add, true},
		"with it as a password":     {there, func(r *http.Request) { r.SetBasicAuth("any", secret.String()) }, true},
		"with another password":     {there, func(r *http.Request) { r.SetBasicAuth("any", "password") }, false},
		"with it, by a page":        {there, func(r *http.Request) { secret.Add(r); r.Header.Set("Sec-Fetch-Site", "cross-site") }, false},
		"through a proxy from here": {here, func(r *http.Request) { r.Header.Set("X-Forwarded-For", there) }, false},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:8081/subjects/s/versions", nil)
		r.RemoteAddr = tc.from
		tc.change(r)
		if err := reachedAt(secret, "127.0.0.1:8080").mayRegister(r); (err == nil) != tc.may {
			t.Errorf("%s: %v, want that it may: %v", name, err, tc.may)
		}
		if err := reachedAt(token.Token{}, "127.0.0.1:8080").mayRegister(r); tc.from == there && err == nil {
			t.Errorf("%s: a node without a token lets it register", name)
		}
	}
}
