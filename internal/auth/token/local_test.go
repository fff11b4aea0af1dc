package token

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestARequestIsLocalOnlyFromThisMachineUnderItsName(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*http.Request)
		local  bool
	}{
		"a program here":          {func(*http.Request) {}, true},
		"by name":                 {func(r *http.Request) { r.Host = "localhost:8080" }, true},
		"by name, no port":        {func(r *http.Request) { r.Host = "localhost" }, true},
		"IPv6":                    {func(r *http.Request) { r.RemoteAddr, r.Host = "[::1]:5000", "[::1]:8080" }, true},
		"a page of the node":      {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }, true},
		"an address typed":        {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "none") }, true},
		"another machine":         {func(r *http.Request) { r.RemoteAddr = "192.0.2.1:5000" }, false},
		"no address":              {func(r *http.Request) { r.RemoteAddr = "" }, false},
		"a proxy":                 {func(r *http.Request) { r.Header.Set("X-Forwarded-For", "203.0.113.5") }, false},
		"a proxy of RFC 7239":     {func(r *http.Request) { r.Header.Set("Forwarded", "for=203.0.113.5") }, false},
		"a proxy of RFC 9110":     {func(r *http.Request) { r.Header.Set("Via", "1.1 proxy") }, false},
		"a name that leads here":  {func(r *http.Request) { r.Host = "evil.example:8080" }, false},
		"a name that begins so":   {func(r *http.Request) { r.Host = "127.0.0.1.evil.example" }, false},
		"a page of another site":  {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, false},
		"of an older browser":     {func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, false},
		"of another port of here": {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, false},
	} {
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8080/v1/search", nil)
		r.RemoteAddr = "127.0.0.1:5000"
		tc.change(r)
		if err := Local(r); (err == nil) != tc.local {
			t.Errorf("%s: %v, want it local: %v", name, err, tc.local)
		}
		if r.Method != http.MethodGet {
			t.Errorf("%s: the request was changed", name)
		}
	}
}
