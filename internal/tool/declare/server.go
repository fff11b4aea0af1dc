package declare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/evidentlog/evident/internal/resource"
	"github.com/evidentlog/evident/internal/tool"
)

const (
	// mostAnswer is how long an answer may be, in bytes.
	mostAnswer = 256 << 20
	// askAgain is the pause before a node is asked again that is not ready.
	askAgain = 200 * time.Millisecond
)

// A Server is the node that is asked.
type Server struct {
	// URL is where the node's HTTP is.
	URL string
	// TokenFile has the node's token, which changes need, and reading data from another
	// machine; empty for none.
	TokenFile string
	// Timeout is for an answer, and for a node to be there that writes.
	Timeout time.Duration
}

// A refusal is an answer that says why not.
type refusal struct{ resource.Problem }

func (r *refusal) Error() string { return r.Detail }

// Ask sends a request, with body as JSON unless it is nil, and reads the answer into v:
// JSON, or as it is if v is a pointer to bytes. It asks again while the node says that
// this helps.
func (s Server) Ask(ctx context.Context, method, path string, body, v any) (http.Header, error) {
	return s.ask(ctx, method, path, body, nil, v)
}

// ask sends a request, with body as JSON unless it is nil, and reads the answer
// into v. It asks again while the node says that this helps.
func (s Server) ask(ctx context.Context, method, path string, body any, header http.Header, v any) (http.Header, error) {
	u, err := url.Parse(s.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, tool.Usagef("--url %q is no address of a node: write it as in http://127.0.0.1:8080", s.URL)
	}
	if s.Timeout <= 0 {
		return nil, tool.Usagef("--timeout %v: it must be longer than nothing", s.Timeout)
	}
	var text []byte
	if body != nil {
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	timely, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	for {
		answered, again, err := s.once(timely, method, strings.TrimSuffix(s.URL, "/")+path, text, header, v)
		if !again {
			return answered, err
		}
		select {
		case <-timely.Done():
			return answered, err
		case <-time.After(askAgain):
		}
	}
}

func (s Server) once(ctx context.Context, method, address string, text []byte, header http.Header, v any) (answered http.Header, again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(text))
	if err != nil {
		return nil, false, err
	}
	req.Header = header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("Content-Type", "application/json")
	if err := s.authorize(req); err != nil {
		return nil, false, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, false, fmt.Errorf("cannot reach the node's HTTP: %w; --url says where it is", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	if err != nil {
		return nil, false, err
	}
	if raw, ok := v.(*[]byte); ok && resp.StatusCode == http.StatusOK {
		*raw = answer
		return resp.Header, false, nil
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Header, false, json.Unmarshal(answer, v)
	}
	r := new(refusal)
	if err := json.Unmarshal(answer, &r.Problem); err != nil || r.Detail == "" {
		return nil, false, fmt.Errorf("the node at %s keeps no resources (%s): is it an older one?", s.URL, resp.Status)
	}
	return resp.Header, resp.Header.Get("Retry-After") != "", r
}

// Read reads data, as [Server.Ask] does, with the node's token if there is a file with
// it: from another machine that needs it.
func (s Server) Read(ctx context.Context, path string, v any) (http.Header, error) {
	t, err := tool.ReadingToken(s.TokenFile)
	if err != nil {
		return nil, err
	}
	return s.ask(ctx, http.MethodGet, path, nil, t.Header(), v)
}

// authorize shows the node's token to change something.
func (s Server) authorize(req *http.Request) error {
	if req.Method == http.MethodGet {
		return nil
	}
	t, err := tool.Token(s.TokenFile, "declaring")
	if err != nil {
		return err
	}
	t.Add(req)
	return nil
}

// get reads one resource, and its ETag.
func (s Server) get(ctx context.Context, k resource.Key) (v *resource.Version, etag string, err error) {
	header, err := s.ask(ctx, http.MethodGet, pathOf(k), nil, nil, &v)
	if err != nil {
		return nil, "", err
	}
	return v, header.Get("ETag"), nil
}

func pathOf(k resource.Key) string {
	return resource.Prefix + "/" + url.PathEscape(k.Kind) + "/" + url.PathEscape(k.Name)
}

// isStatus tells whether an error is an answer with a status.
func isStatus(err error, status int) bool {
	var r *refusal
	return errors.As(err, &r) && r.Status == status
}
