package resource

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// serve serves the API of a node. Addresses of nodes are looked up in servers.
func serve(t *testing.T, s *Service, servers map[string]string) string {
	t.Helper()
	var requests atomic.Int64
	api := &API{
		Service: s,
		NewID:   func() (string, error) { return fmt.Sprint("request-", requests.Add(1)), nil },
		Authorize: func(r *http.Request) (string, error) {
			if r.Header.Get("Authorization") != "Bearer me" {
				return "", errors.New("who are you?")
			}
			return "me", nil
		},
		Forward: func(r *http.Request, base string, body []byte) (*http.Response, error) {
			out, err := http.NewRequestWithContext(r.Context(), r.Method, servers[base]+r.URL.RequestURI(), bytes.NewReader(body))
			if err != nil {
				return nil, err
			}
			out.Header = r.Header.Clone()
			return http.DefaultClient.Do(out)
		},
	}
	mux := http.NewServeMux()
	api.Handle(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	servers[s.cfg.Address] = server.URL
	return server.URL
}

// ask asks, and returns status, ETag and body.
func ask(t *testing.T, method, url, body string, header ...string) (int, string, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer me")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := errors.Join(resp.Write(&text), resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	_, content, _ := strings.Cut(text.String(), "\r\n\r\n")
	return resp.StatusCode, resp.Header.Get("ETag"), strings.TrimSpace(content)
}

const small = `{"apiVersion":"evident/v1","kind":"Thing","metadata":{"name":"a"},"spec":{"size":1}}`

func TestOneResourceOverHTTP(t *testing.T) {
	w := newWorld(t)
	s, _ := w.node(newOutside())
	base := serve(t, s, map[string]string{})
	for _, step := range []struct {
		what, method, path, body string
		header                   []string
		status                   int
		want                     string // part of the answer
	}{
		{"no status of none, and nothing made for it", "GET", "/Thing/a/status", "", nil, 404, "Thing/a is not declared"},
		{"none yet", "GET", "/Thing/a", "", nil, 404, "Thing/a is not declared: there is no Thing at all"},
		{"no token", "PUT", "/Thing/a", small, []string{"Authorization", "x"}, 401, "who are you?"},
		{"new only", "PUT", "/Thing/a", small, []string{"If-None-Match", "*"}, 200, `"action":"create"`},
		{"new only, again", "PUT", "/Thing/a", small, []string{"If-None-Match", "*"}, 412, "Thing/a is declared already, at revision 0"},
		{"read", "GET", "/Thing/a", "", nil, 200, `"size":1`},
		{"read, and not changed", "GET", "/Thing/a", "", []string{"If-None-Match", `"0"`}, 304, ""},
		{"dry run", "PUT", "/Thing/a?dry-run=true", strings.Replace(small, "1}", "2}", 1), nil, 200, `"before":1,"after":2`},
		{"changed", "PUT", "/Thing/a", strings.Replace(small, "1}", "2}", 1), []string{"If-Match", `"0"`}, 200, `"action":"update"`},
		{"changed by one who read the old", "PUT", "/Thing/a", small, []string{"If-Match", `"0"`}, 412, "Thing/a is at revision 2, and the change was made for revision 0"},
		{"no ETag", "PUT", "/Thing/a", small, []string{"If-Match", "0"}, 400, "must be the ETag"},
		{"of another name", "PUT", "/Thing/b", small, nil, 400, "the path is of Thing/b, and the body declares Thing/a"},
		{"of a kind that is none", "GET", "/thing/a", "", nil, 404, `did you mean \"Thing\"?`},
		{"not right", "PUT", "/Thing/a", `{"apiVersion":"evident/v1","kind":"Thing","metadata":{"name":"a"},"spec":{}}`, nil, 422, `"pointer":"/spec","text":"the field \"size\" is missing in spec"`},
		{"listed", "GET", "", "", nil, 200, `"key":"Thing/a"`},
		{"by a label", "GET", "?label=x", "", nil, 200, `"resources":[]`},
		{"status", "GET", "/Thing/a/status", "", nil, 200, `"ready":true`},
		{"a revision that is none", "GET", "/Thing?after=x", "", nil, 400, "after=x is no revision"},
		{"gone", "DELETE", "/Thing/a", "", []string{"If-Match", `"2"`}, 200, `"action":"delete"`},
		{"gone already", "DELETE", "/Thing/a", "", nil, 404, "is not declared"},
		{"history", "GET", "/Thing/a/history", "", nil, 200, `"revision":4`},
		{"no history", "GET", "/Thing/b/history", "", nil, 404, "was never declared"},
	} {
		status, _, body := ask(t, step.method, base+Prefix+step.path, step.body, step.header...)
		if status != step.status || !strings.Contains(body, step.want) {
			t.Errorf("%s: %d %s", step.what, status, body)
		}
	}
}

func TestManyResourcesOverHTTP(t *testing.T) {
	w := newWorld(t)
	s, _ := w.node(newOutside())
	base := serve(t, s, map[string]string{})
	for _, step := range []struct {
		what, body string
		status     int
		want       string
	}{
		{"two, with a set", `{"resources":[` + small + `,` + strings.Replace(small, `"a"`, `"b"`, 1) + `],"set":"x"}`, 200, `"key":"Thing/b"`},
		{"one is wrong", `{"resources":[` + small + `,{}]}`, 422, `"index":1`},
		{"pruned", `{"resources":[` + small + `],"set":"x","prune":true}`, 200, `{"action":"delete","key":"Thing/b"`},
		{"pruned without a set", `{"resources":[],"prune":true}`, 422, "prune needs the name of a set"},
		{"a field that is none", `{"resource":[]}`, 400, `unknown field \"resource\"`},
		{"no key", `{"delete":["a"]}`, 422, `\"a\" is not KIND/NAME`},
		{"garbage", `}`, 400, "the body is no request to apply"},
	} {
		status, _, body := ask(t, "POST", base+Prefix, step.body)
		if status != step.status || !strings.Contains(body, step.want) {
			t.Errorf("%s: %d %s", step.what, status, body)
		}
	}
}

func TestAnotherNodeForwardsToTheWriter(t *testing.T) {
	w, out, servers := newWorld(t), newOutside(), map[string]string{}
	a, _ := w.node(out)
	serve(t, a, servers)
	granted(t, a, Wish{Apply: []*Resource{thing(t, "b", 1)}})
	b, _ := w.node(out)
	base := serve(t, b, servers)
	status, tag, body := ask(t, "PUT", base+Prefix+"/Thing/a", small)
	if status != 200 || tag == "" {
		t.Fatalf("%d %s", status, body)
	}
	if b.writer.Load() != nil {
		t.Error("the node that was asked has become the writer")
	}
	after := strings.Trim(tag, `"`)
	if status, _, body := ask(t, "GET", base+Prefix+"/Thing/a?after="+after, ""); status != 200 {
		t.Errorf("read where it was asked: %d %s", status, body)
	}
}

// Of several who declare the same thing at once, at whatever nodes, one has declared it,
// and the others are told so.
func TestWhoDeclaresAtOnceAtSeveralNodesIsNotLost(t *testing.T) {
	w, out, servers := newWorld(t), newOutside(), map[string]string{}
	var bases []string
	for range 3 {
		s, _ := w.node(out)
		bases = append(bases, serve(t, s, servers))
	}
	var statuses [9]int
	var all sync.WaitGroup
	for i := range statuses {
		all.Go(func() {
			body := strings.Replace(small, "1}", fmt.Sprint(i+1, "}"), 1)
			statuses[i], _, _ = ask(t, "PUT", bases[i%3]+Prefix+"/Thing/a", body, "If-None-Match", "*")
		})
	}
	all.Wait()
	slices.Sort(statuses[:])
	if fmt.Sprint(statuses) != "[200 412 412 412 412 412 412 412 412]" {
		t.Errorf("answered %v", statuses)
	}
}

func TestTheSchemaIsServed(t *testing.T) {
	w := newWorld(t)
	s, _ := w.node(newOutside())
	status, _, body := ask(t, "GET", serve(t, s, map[string]string{})+"/v1/resource-schema", "")
	if status != 200 || !strings.Contains(body, `"urn:evident:schema:v1"`) || !strings.Contains(body, `"const": "Thing"`) {
		t.Errorf("%d %s", status, body)
	}
}
