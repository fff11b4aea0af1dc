// Package buckettest is a store that speaks as much S3 as package bucket does,
// in the memory of a test, with faults on demand. It checks no signatures.
package buckettest

import (
	"bufio"
	"bytes"
	"crypto/md5" //nolint:gosec // what S3 has for ETags
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/evidentlog/evident/internal/bucket"
)

// A Fault is what a store does instead of answering a request as it should.
type Fault int

// The faults.
const (
	None       Fault = iota
	Busy             // 503 SlowDown, nothing is done
	Broken           // 500, nothing is done
	Refused          // 403 AccessDenied, nothing is done
	Full             // 507 to a write, nothing is done
	Conflict         // 409 to a write, nothing is done
	Cut              // half an answer, and then the connection breaks; a write is done
	LostBefore       // the connection breaks, nothing is done
	LostAfter        // the connection breaks, and it is done
	Late             // the connection breaks, and it is done later: at the next request
	Hang             // no answer until the client gives up, nothing is done
)

// A Store is an S3 store with one bucket, "bucket".
type Store struct {
	// Unconditional makes the store pass over conditions on writes.
	Unconditional bool
	// Largest is how many bytes its buckets read or write whole; the bucket's own limit
	// if 0.
	Largest int64

	server *httptest.Server
	mu     struct {
		sync.Mutex
		fault   func(r *http.Request) Fault
		objects map[string][]byte
		late    []func() // writes that are still on their way
		puts    int
	}
}

// New starts a store that ends with the test.
func New(t testing.TB) *Store {
	s := &Store{}
	s.mu.objects = map[string][]byte{}
	s.server = httptest.NewServer(s)
	t.Cleanup(s.server.Close)
	return s
}

// Bucket returns a bucket of the store.
func (s *Store) Bucket(t testing.TB) *bucket.Bucket { return s.Impatient(t, 0) }

// Impatient returns a bucket that gives up on a request after some time.
func (s *Store) Impatient(t testing.TB, timeout time.Duration) *bucket.Bucket {
	t.Helper()
	b, err := bucket.New(bucket.Config{
		Timeout:     timeout,
		Largest:     s.Largest,
		Place:       bucket.Place{Bucket: "bucket", Prefix: "a/ledger", Endpoint: s.server.URL},
		Credentials: credentials.NewStaticV4("user", "secret", ""),
		Transport:   &http.Transport{DisableKeepAlives: true}, // net/http tries again on old connections
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Fail lets a function say what goes wrong with each request, nothing if it is
// nil. It is called with a lock held, one request at a time.
func (s *Store) Fail(fault func(r *http.Request) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.fault = fault
}

// URL is the place of the bucket, as operators give it.
func (s *Store) URL() string { return "s3://bucket/a/ledger?endpoint=" + s.server.URL }

// Objects returns a copy of what the store has, by key.
func (s *Store) Objects() map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.mu.objects)
}

// Restore sets the store back to what Objects returned.
func (s *Store) Restore(objects map[string][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.objects = maps.Clone(objects)
}

// Puts is how many writes were done.
func (s *Store) Puts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.puts
}

// ServeHTTP implements http.Handler.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := content(r)
	if err != nil {
		fail(w, http.StatusBadRequest, "IncompleteBody")
		return
	}
	key, ok := strings.CutPrefix(r.URL.Path, "/bucket/")
	if !ok {
		fail(w, http.StatusNotFound, "NoSuchBucket")
		return
	}
	switch fault := s.next(r); fault {
	case Hang:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	default:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.answer(w, r, fault, key, body)
	}
}

// next lets writes arrive that were on their way, and returns what goes wrong.
func (s *Store) next(r *http.Request) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	if s.mu.fault == nil {
		return None
	}
	return s.mu.fault(r)
}

func (s *Store) answer(w http.ResponseWriter, r *http.Request, fault Fault, key string, body []byte) {
	switch fault {
	case Busy:
		fail(w, http.StatusServiceUnavailable, "SlowDown")
	case Broken:
		fail(w, http.StatusInternalServerError, "InternalError")
	case Refused:
		fail(w, http.StatusForbidden, "AccessDenied")
	case Full:
		fail(w, http.StatusInsufficientStorage, "XMinioStorageFull")
	case Conflict:
		fail(w, http.StatusConflict, "ConditionalRequestConflict")
	case Cut:
		whole := httptest.NewRecorder()
		s.do(whole, r, key, body)
		maps.Copy(w.Header(), whole.Header())
		w.Header().Set("Content-Length", strconv.Itoa(whole.Body.Len()+1))
		w.WriteHeader(whole.Code)
		_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case LostBefore:
		panic(http.ErrAbortHandler)
	case LostAfter:
		s.do(httptest.NewRecorder(), r, key, body)
		panic(http.ErrAbortHandler)
	case Late:
		s.mu.late = append(s.mu.late, func() { s.do(httptest.NewRecorder(), r, key, body) })
		panic(http.ErrAbortHandler)
	default:
		s.do(w, r, key, body)
	}
}

// settle lets writes arrive that were on their way.
func (s *Store) settle() {
	for _, write := range s.mu.late {
		write()
	}
	s.mu.late = nil
}

func (s *Store) do(w http.ResponseWriter, r *http.Request, key string, body []byte) {
	old, found := s.mu.objects[key]
	switch r.Method {
	case http.MethodPut:
		s.put(w, r, key, body)
	case http.MethodDelete:
		delete(s.mu.objects, key)
		w.WriteHeader(http.StatusNoContent)
	case http.MethodGet, http.MethodHead:
		if !found {
			fail(w, http.StatusNotFound, "NoSuchKey")
			return
		}
		get(w, r, old)
	default:
		fail(w, http.StatusNotImplemented, "NotImplemented")
	}
}

func (s *Store) put(w http.ResponseWriter, r *http.Request, key string, body []byte) {
	old, found := s.mu.objects[key]
	match := r.Header.Get("If-Match")
	refused := r.Header.Get("If-None-Match") == "*" && found || match != "" && (!found || match != etag(old))
	if refused && !s.Unconditional {
		fail(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	s.mu.objects[key] = body
	s.mu.puts++
	w.Header().Set("ETag", etag(body))
	w.WriteHeader(http.StatusOK)
}

func get(w http.ResponseWriter, r *http.Request, b []byte) {
	w.Header().Set("ETag", etag(b))
	w.Header().Set("Last-Modified", "Sat, 21 Nov 2026 21:00:00 GMT")
	if r.Header.Get("If-None-Match") == etag(b) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	status := http.StatusOK
	if last, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes=0-"); ok {
		n, _ := strconv.Atoi(last)
		whole := len(b)
		if whole == 0 {
			fail(w, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
			return
		}
		b, status = b[:min(n+1, whole)], http.StatusPartialContent
		w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(b)-1, whole))
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b) // a client that is gone needs no answer
}

func etag(b []byte) string {
	sum := md5.Sum(b) //nolint:gosec // what S3 has for ETags
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, code)
}

// content reads a body, of which clients without TLS sign each chunk.
func content(r *http.Request) ([]byte, error) {
	if !strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		return io.ReadAll(r.Body)
	}
	var b bytes.Buffer
	in := bufio.NewReader(r.Body)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, err
		}
		size, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		n, err := strconv.ParseInt(size, 16, 32)
		if err != nil || n == 0 {
			return b.Bytes(), err
		}
		if _, err := io.CopyN(&b, in, n); err != nil {
			return nil, err
		}
		if _, err := in.Discard(2); err != nil {
			return nil, err
		}
	}
}
