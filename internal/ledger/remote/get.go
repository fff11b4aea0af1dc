package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// Errors of what a server answers.
var (
	// ErrNotFound says that the server does not have what was asked for.
	ErrNotFound = errors.New("not found")
	// ErrAltered says that what a log serves does not lead to its checkpoint, or
	// has not the form that it must have.
	ErrAltered = errors.New("altered")
)

// errPassing marks failures that may be over when asked again.
type errPassing struct{ error }

func (e errPassing) Unwrap() error { return e.error }

// get returns an answer of at most most bytes, and puts its headers into header
// unless that is nil. What may pass is tried again.
func (s *Site) get(ctx context.Context, path string, most int, header http.Header) ([]byte, error) {
	pause := s.cfg.Pause
	for try := 1; ; try++ {
		b, err := s.ask(ctx, path, most, header)
		if err == nil {
			return b, nil
		}
		if !errors.As(err, new(errPassing)) || try >= s.cfg.Tries || !sleep(ctx, pause/2+rand.N(pause)) {
			return nil, err
		}
		pause *= 2
	}
}

// sleep waits; false if ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func (s *Site) ask(ctx context.Context, path string, most int, header http.Header) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.prefix+path, nil)
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, s.cfg.Header)
	resp, err := s.cfg.HTTP.Do(req)
	if err != nil {
		return nil, errPassing{err}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, int64(most)+1))
	if err != nil {
		return nil, errPassing{fmt.Errorf("%s%s: %w", s.prefix, path, err)}
	}
	if resp.StatusCode != http.StatusOK {
		return nil, s.refused(path, resp.StatusCode, b)
	}
	if len(b) > most {
		return nil, fmt.Errorf("%w: %s%s has more than %d bytes", ErrAltered, s.prefix, path, most)
	}
	if header != nil {
		maps.Copy(header, resp.Header)
	}
	return b, nil
}

func (s *Site) refused(path string, status int, body []byte) error {
	err := fmt.Errorf("%s%s: HTTP status %d: %s", s.prefix, path, status, firstLine(body))
	switch {
	case status == http.StatusNotFound || status == http.StatusGone:
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout:
		return errPassing{err}
	}
	return err
}

// firstLine is what may be shown of somebody's error page.
func firstLine(body []byte) string {
	const most = 200
	line, _, _ := strings.Cut(string(body[:min(len(body), most)]), "\n")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, line)
}
