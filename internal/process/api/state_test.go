package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/process/control"
	"github.com/evidentlog/evident/internal/process/standby"
)

func bodyOf(t *testing.T, resp *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAValueIsReadAsItIs(t *testing.T) {
	f := newFixture(t, newCluster(t))
	f.run.tasks[2] = f.run.fill(t, 2, "counts", map[string]string{"json": `{"a":1}`, "text": "a: 1", "raw": "\xff", "empty": "", "a/b?c=ü": "odd"})
	for path, want := range map[string][2]string{
		"json":                 {`{"a":1}`, "application/json"},
		"text":                 {"a: 1", "text/plain; charset=utf-8"},
		"raw":                  {"\xff", "application/octet-stream"},
		"empty":                {"", "text/plain; charset=utf-8"},
		"a%2Fb%3Fc%3D%C3%BC":   {"odd", "text/plain; charset=utf-8"},
		"json?version=1":       {`{"a":1}`, "application/json"},
		"json?stale=ok":        {`{"a":1}`, "application/json"},
		"json?stale=no&from=x": {`{"a":1}`, "application/json"},
	} {
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		resp := f.get("/counter/state/" + path + separator + "store=counts&partition=2")
		if got := bodyOf(t, resp); resp.StatusCode != http.StatusOK || got != want[0] || resp.Header.Get("Content-Type") != want[1] {
			t.Errorf("%s: %s %q, %v", path, resp.Status, got, resp.Header)
		}
		h := resp.Header
		if h.Get("Evident-Partition") != "2" || h.Get("Evident-Position") != "5" || h.Get("Evident-Lag") != "0" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

// Where Kafka's own producers put a key, by vectors of Apache Kafka's UtilsTest over four
// partitions.
func TestAKeyIsLookedForWhereProducersPutIt(t *testing.T) {
	f := newFixture(t, newCluster(t))
	for key, partition := range map[string]int32{"21": 0, "foobar": 2, "abc": 3} {
		f.run.tasks[partition] = f.run.fill(t, partition, "counts", map[string]string{key: "here"})
		if resp := f.get("/counter/state/" + key + "?store=counts"); bodyOf(t, resp) != "here" {
			t.Errorf("%s is looked for in task %s, want %d", key, resp.Header.Get("Evident-Partition"), partition)
		}
	}
}

func TestARangeIsReadInPortions(t *testing.T) {
	f := newFixture(t, newCluster(t))
	values := map[string]string{"\xff": "\xfe"}
	for i := range 25 {
		values[fmt.Sprintf("key%02d", i)] = fmt.Sprint(i)
	}
	f.run.tasks[0] = f.run.fill(t, 0, "counts", values)
	scan := func(query string) (found Scan) {
		t.Helper()
		resp := f.get("/counter/state?store=counts&partition=0" + query)
		if err := json.NewDecoder(resp.Body).Decode(&found); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", query, resp.Status, err)
		}
		return found
	}
	if all := scan(""); len(all.Entries) != 26 || all.More || string(all.Entries[25].KeyBase64) != "\xff" || string(all.Entries[25].ValueBase64) != "\xfe" {
		t.Errorf("all are %+v", all)
	}
	if some := scan("&from=key05&to=key07"); fmt.Sprint(some.Entries) != "[{key05 [] 5 []} {key06 [] 6 []}]" || some.More {
		t.Errorf("from and to: %+v", some)
	}
	for _, none := range []string{"&from=key07&to=key05", "&from=key05&to=key05", "&from=kez&to=kez1", "&limit=1&from=%FF%00"} {
		if found := scan(none); found.Entries == nil || len(found.Entries) != 0 || found.More {
			t.Errorf("%s: %+v", none, found)
		}
	}
	seen, from, portions := 0, "", 0
	for more := true; more; portions++ {
		portion := scan("&limit=10&from=" + from)
		seen += len(portion.Entries)
		if more = portion.More; more && portion.Next != fmt.Sprintf("key%02d", seen) {
			t.Errorf("after %d entries it goes on from %q", seen, portion.Next)
		}
		from = portion.Next
	}
	if seen != 26 || portions != 3 {
		t.Errorf("%d entries in %d portions", seen, portions)
	}
	if last := scan("&limit=25"); !last.More || last.Next != "" || string(last.NextBase64) != "\xff" {
		t.Errorf("a key that is no text is next: %+v", last)
	}
}

// However large values are, an answer is bounded, and has something.
func TestAnAnswerIsBoundedInBytes(t *testing.T) {
	f := newFixture(t, newCluster(t))
	const size, fit = 990_000, mostScan/990_000 + 1
	values := map[string]string{}
	for i := range fit + 2 {
		values[fmt.Sprintf("%03d", i)] = strings.Repeat("x", size)
	}
	f.run.tasks[0] = f.run.fill(t, 0, "counts", values)
	var found Scan
	if err := json.NewDecoder(f.get("/counter/state?store=counts&partition=0").Body).Decode(&found); err != nil {
		t.Fatal(err)
	}
	if len(found.Entries) != fit || !found.More || found.Next != fmt.Sprintf("%03d", fit) {
		t.Errorf("%d entries, next is %q; want %d", len(found.Entries), found.Next, fit)
	}
}

func TestReadsThatAreWrongSayWhatWouldBeRight(t *testing.T) {
	f := newFixture(t, newCluster(t))
	f.run.tasks[0] = f.run.fill(t, 0, "counts", map[string]string{"a": "1"})
	for path, want := range map[string]struct {
		status int
		detail string
	}{
		"/countr/state/a":                                        {404, `there is no processor "countr": did you mean "counter"?`},
		"/zzz/state/a":                                           {404, `there is no processor "zzz": there are counter, passer`},
		"/passer/state/a":                                        {404, `processor "passer" has no stores`},
		"/counter/state/a":                                       {404, `processor "counter" has the stores counts, last: say which, as in store=counts`},
		"/counter/state/a?store=cuonts":                          {404, `no store "cuonts": did you mean "counts"?`},
		"/counter/state/a?store=zzz":                             {404, `no store "zzz": there are counts, last`},
		"/counter/state/a?stor=counts":                           {400, `unknown parameter "stor": did you mean "store"?`},
		"/counter/state/a?x=1":                                   {400, `unknown parameter "x": there are from, limit, `},
		"/counter/state/b?store=counts&partition=0":              {404, `store "counts" has no key "b" in task 0`},
		"/counter/state/a?store=last&partition=0":                {404, `store "last" has no key "a" in task 0`},
		"/counter/state/a?store=counts&version=2":                {404, `processor "counter": version 2 is not among those that run: there is 1`},
		"/counter/state/a?store=counts&version=one":              {400, "version=one: want a number from 1"},
		"/counter/state/a?store=counts&version=0":                {400, "version=0: want a number from 1"},
		"/counter/state/a?store=counts&version=9999999999999999": {404, "version 9999999999999999 is not among"},
		"/counter/state/a?store=counts&stale=true":               {400, "stale=true: want ok"},
		"/counter/state/a?store=counts&partition=4":              {400, "partition=4: want 0 to 3"},
		"/counter/state/a?store=counts&partition=-1":             {400, "partition=-1: want 0 to 3"},
		"/counter/state/a?store=counts&partition=x":              {400, "partition=x: want 0 to 3"},
		"/counter/state?store=counts":                            {400, "say which, partition=0 to 3"},
		"/counter/state?store=counts&partition=0&limit=0":        {400, "limit=0: want 1 to 10000"},
		"/counter/state?store=counts&partition=0&limit=10001":    {400, "limit=10001: want 1 to 10000"},
		"/counter/state?store=counts&partition=0&limit=ten":      {400, "limit=ten: want 1 to 10000"},
		"/counter/state/a?store=counts&partition=1":              {503, "task 1 of version 1 moves, or its state is being restored: ask again, or with stale=ok"},
	} {
		t.Run(path, func(t *testing.T) { refuses(t, f.get(path), want.status, want.detail) })
	}
}

func TestAProcessorThatDoesNotRunHereIsAskedForLater(t *testing.T) {
	f := newFixture(t, newCluster(t))
	f.run.group = nil
	refuses(t, f.get("/counter/state/a?store=counts"), http.StatusServiceUnavailable, `version 1 of "counter" does not run on this node, or is just starting`)
	f.control.Declare(map[string]control.Spec{"counter": {Active: 1, Versions: []control.Version{{Version: 1}, {Version: 2}}}})
	refuses(t, f.get("/counter/state/a?store=counts&version=2"), http.StatusServiceUnavailable, "version 2")
}

func TestACopyIsReadOnlyByWhoTakesAnOldOne(t *testing.T) {
	f := newFixture(t, newCluster(t))
	f.run.tasks[1] = f.run.fill(t, 1, "counts", map[string]string{"a": "1"})
	f.run.copies[1] = standby.Status{Role: standby.Standby, Next: 3, End: 10}
	const path = "/counter/state/a?store=counts&partition=1"
	refuses(t, f.get(path), http.StatusServiceUnavailable, "stale=ok")
	resp := f.get(path + "&stale=ok")
	if bodyOf(t, resp) != "1" || resp.Header.Get("Evident-Lag") != "7" {
		t.Errorf("%s, %v", resp.Status, resp.Header)
	}
	refuses(t, f.get("/counter/state/a?store=counts&partition=0&stale=ok"), http.StatusServiceUnavailable, "task 0")
}

func TestStateIsForWhoMayReadIt(t *testing.T) {
	f := newFixture(t, newCluster(t))
	f.run.tasks[0] = f.run.fill(t, 0, "counts", map[string]string{"a": "1"})
	f.refused = errors.New("say please")
	for _, path := range []string{"/counter/state/a?store=counts&partition=0", "/counter/state?store=counts&partition=0", "/none/state/a"} {
		resp := f.get(path)
		if resp.Header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: %v", path, resp.Header)
		}
		refuses(t, resp, http.StatusUnauthorized, "say please")
	}
	for _, path := range []string{"", "/counter"} {
		if resp := f.get(path); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
}

// What another node answers is given as it is, but for what only its nodes can mend.
func TestARequestIsPassedOnOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		status   int
		others   bool // may be asked
		answered bool
		want     int
	}{
		"the value":                {200, false, true, 200},
		"no such key":              {404, false, true, 404},
		"it moves":                 {503, false, true, 503},
		"it moves, and others may": {503, true, false, 0},
		"another token":            {401, false, true, 502},
		"another token, of others": {401, true, true, 502},
	} {
		a := &API{Forward: func(r *http.Request, base string, _ []byte) (*http.Response, error) {
			if r.Header.Get(forwarded) == "" || r.URL.RawQuery != "store=counts" || base != "http://other" {
				t.Errorf("%s: %s is asked for %s, %v", name, base, r.URL, r.Header)
			}
			w := httptest.NewRecorder()
			w.Header().Set("Evident-Lag", "7")
			w.Header().Set("Set-Cookie", "not=ours")
			w.WriteHeader(tc.status)
			fmt.Fprint(w, "body")
			return w.Result(), nil
		}}
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/v1/processors/counter/state/a?store=counts", nil)
		if answered := a.pass(w, r, "http://other", tc.others); answered != tc.answered {
			t.Errorf("%s: answered: %t", name, answered)
		}
		resp := w.Result()
		switch {
		case !tc.answered:
		case tc.want == http.StatusBadGateway:
			refuses(t, resp, tc.want, "the node at http://other has the task, and does not know this node's token: ")
		case resp.StatusCode != tc.want || bodyOf(t, resp) != "body" || resp.Header.Get("Evident-Lag") != "7" || resp.Header.Get("Set-Cookie") != "":
			t.Errorf("%s: %s, %v", name, resp.Status, resp.Header)
		}
		if r.Header.Get(forwarded) != "" {
			t.Errorf("%s: the request itself was changed", name)
		}
	}
	gone := &API{Forward: func(*http.Request, string, []byte) (*http.Response, error) { return nil, errors.New("refused") }}
	w := httptest.NewRecorder()
	if gone.pass(w, httptest.NewRequest(http.MethodGet, "/v1/processors/counter/state/a", nil), "http://other", false) || w.Body.Len() > 0 {
		t.Error("a node that cannot be reached has answered")
	}
}
