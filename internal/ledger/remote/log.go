package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/evidentlog/evident/internal/ledger/tree"
)

// Limits of answers, in bytes.
const (
	maxCheckpoint = 256 << 10 // an ML-DSA cosignature has 3.3 KiB
	maxSmall      = 1 << 20   // pages of JSON, keys
	// maxBundle is the size of a bundle with the longest entries that there can be.
	maxBundle = tree.TileWidth * (2 + 1<<16 - 1)
)

// Config says how logs are asked. The zero value is good for use.
type Config struct {
	// HTTP makes requests; one that keeps connections to a host if nil.
	HTTP *http.Client
	// Header is that of requests; those of Go's own if nil.
	Header http.Header
	// Timeout is for one request; 30 s if 0.
	Timeout time.Duration
	// Tries is how often a request is made that fails for a reason that may pass;
	// 4 if 0.
	Tries int
	// Pause is how long the first pause between them is, each later one is twice
	// as long; 200 ms if 0.
	Pause time.Duration
}

func (c *Config) setDefaults() {
	if c.HTTP == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = 4 * parallel
		c.HTTP = &http.Client{Transport: t}
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Tries == 0 {
		c.Tries = 4
	}
	if c.Pause == 0 {
		c.Pause = 200 * time.Millisecond
	}
}

// A Site is a web server with tiled logs below its prefix.
type Site struct {
	cfg    Config
	prefix string // ends in a slash
}

// NewSite returns the server at a URL. It asks nothing yet.
func NewSite(prefix string, cfg Config) (*Site, error) {
	u, err := url.Parse(prefix)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is no URL with http:// or https:// and a host", prefix)
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q has a query or a fragment: what is wanted is only where paths begin", prefix)
	}
	cfg.setDefaults()
	return &Site{cfg, strings.TrimSuffix(u.String(), "/") + "/"}, nil
}

// Get returns a small answer of the server, at most 1 MiB.
func (s *Site) Get(ctx context.Context, path string) ([]byte, error) {
	return s.get(ctx, path, maxSmall, nil)
}

// GetBytes returns an answer of at most most bytes, with its headers.
func (s *Site) GetBytes(ctx context.Context, path string, most int) ([]byte, http.Header, error) {
	header := http.Header{}
	b, err := s.get(ctx, path, most, header)
	return b, header, err
}

// Log returns the log below a path, "" for one at the prefix itself.
func (s *Site) Log(path string) *Log {
	if path = strings.Trim(path, "/"); path != "" {
		path += "/"
	}
	return &Log{s, path}
}

// A Log is a tiled log of a server.
type Log struct {
	site *Site
	path string // ends in a slash, or is empty
}

// String returns where the log is.
func (l *Log) String() string { return l.site.prefix + l.path }

// Checkpoint returns the log's newest checkpoint, a signed note whose
// signatures nobody has checked.
func (l *Log) Checkpoint(ctx context.Context) (string, error) {
	b, err := l.site.get(ctx, l.path+"checkpoint", maxCheckpoint, nil)
	return string(b), err
}

// Witnessed returns the newest checkpoint that the log's own quorum of witnesses
// has cosigned, if the log is one of Evident, which tells it from its newest; that
// one otherwise. Nobody has checked the signatures.
func (l *Log) Witnessed(ctx context.Context) (string, error) {
	b, err := l.site.get(ctx, l.path+"checkpoint?witnessed=1", maxCheckpoint, nil)
	return string(b), err
}

// Tile returns width hashes of a tile, unchecked. Where a partial tile is gone,
// they are taken of the full one, as the spec lets a log do.
func (l *Log) Tile(ctx context.Context, level int, n int64, width int) ([]byte, error) {
	return l.tile(ctx, fmt.Sprintf("tile/%d/%s", level, index(n)), width)
}

func (l *Log) tile(ctx context.Context, name string, width int) ([]byte, error) {
	b, full, err := l.partOf(ctx, name, width, tree.TileWidth*tlog.HashSize)
	if err != nil {
		return nil, err
	}
	want := width * tlog.HashSize
	if len(b) < want || !full && len(b) != want || full && len(b) != tree.TileWidth*tlog.HashSize {
		return nil, fmt.Errorf("%w: %s%s has %d bytes, and %d hashes are expected", ErrAltered, l, name, len(b), width)
	}
	return b[:want], nil
}

// Bundle returns the first width entries of a bundle, unchecked.
func (l *Log) Bundle(ctx context.Context, n int64, width int) ([][]byte, error) {
	name := "tile/entries/" + index(n)
	b, full, err := l.partOf(ctx, name, width, maxBundle)
	if err != nil {
		return nil, err
	}
	have := width
	if full {
		have = tree.TileWidth
	}
	entries, err := splitBundle(b, have)
	if err != nil {
		return nil, fmt.Errorf("%w: %s%s: %w", ErrAltered, l, name, err)
	}
	return entries[:width], nil
}

// partOf returns a partial or full tile. full tells that it is the latter.
func (l *Log) partOf(ctx context.Context, name string, width, most int) (b []byte, full bool, err error) {
	if width < tree.TileWidth {
		b, err = l.site.get(ctx, fmt.Sprintf("%s%s.p/%d", l.path, name, width), most, nil)
		if !errors.Is(err, ErrNotFound) {
			return b, false, err
		}
	}
	b, err = l.site.get(ctx, l.path+name, most, nil)
	return b, true, err
}

// index is the number of a tile as tlog-tiles writes it, such as x001/x234/067.
func index(n int64) string {
	s := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		s = fmt.Sprintf("x%03d/%s", n%1000, s)
	}
	return s
}

// splitBundle reads the entries of a bundle, of which there must be count.
func splitBundle(b []byte, count int) ([][]byte, error) {
	entries := make([][]byte, 0, min(count, tree.TileWidth))
	for len(entries) < count {
		if len(b) < 2 {
			return nil, fmt.Errorf("it ends after %d entries, and %d are expected", len(entries), count)
		}
		size := 2 + int(b[0])<<8 + int(b[1])
		if len(b) < size {
			return nil, fmt.Errorf("entry %d has %d bytes, and %d follow", len(entries), size-2, len(b)-2)
		}
		entries = append(entries, b[2:size:size])
		b = b[size:]
	}
	if len(b) > 0 {
		return nil, fmt.Errorf("%d bytes follow its %d entries", len(b), count)
	}
	return entries, nil
}
