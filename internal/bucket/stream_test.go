package bucket_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/evidentlog/evident/internal/bucket"
	"github.com/evidentlog/evident/internal/bucket/buckettest"
)

// That a store does not answer is another trouble than that nobody wants the answer.
func TestWhyAnObjectIsNotOpenedIsSaid(t *testing.T) {
	s := buckettest.New(t)
	s.Fail(func(*http.Request) buckettest.Fault { return buckettest.Hang })
	_, _, err := s.Impatient(t, time.Millisecond).Open(t.Context(), "x")
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1ms") {
		t.Errorf("a store that hangs: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	unwanted := errors.New("the node is being stopped")
	s.Fail(func(*http.Request) buckettest.Fault {
		cancel(unwanted)
		return buckettest.Hang
	})
	if _, _, err := s.Bucket(t).Open(ctx, "x"); !errors.Is(err, unwanted) {
		t.Errorf("a caller who gives up: %v", err)
	}
}

// waiting answers with content that never comes.
type waiting struct{}

func (waiting) RoundTrip(r *http.Request) (*http.Response, error) {
	h := http.Header{"Last-Modified": {"Mon, 02 Jan 2006 15:04:05 GMT"}, "Etag": {`"a"`}, "Content-Length": {"5"}}
	return &http.Response{StatusCode: http.StatusOK, Header: h, Body: unsent{r.Context()}, ContentLength: 5, Request: r}, nil
}

// unsent is content that never comes.
type unsent struct{ ctx context.Context }

func (u unsent) Read([]byte) (int, error) {
	<-u.ctx.Done()
	return 0, u.ctx.Err()
}

func (unsent) Close() error { return nil }

// The same of what is read later.
func TestWhyAnObjectIsNotReadIsSaid(t *testing.T) {
	unwanted := errors.New("the node is being stopped")
	for _, c := range []struct {
		timeout time.Duration
		end     error
		want    error
	}{{time.Millisecond, nil, context.DeadlineExceeded}, {time.Hour, unwanted, unwanted}} {
		b, err := bucket.New(bucket.Config{
			Timeout: c.timeout, Transport: waiting{}, Credentials: credentials.NewStaticV4("user", "secret", ""),
			Place: bucket.Place{Bucket: "bucket", Endpoint: "http://localhost"},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		r, _, err := b.Open(ctx, "the-name")
		if c.end != nil {
			cancel(c.end)
		}
		if err == nil { // else the time was over before, on a machine that has much to do
			_, err = io.ReadAll(r)
			r.Close()
		}
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), "the-name") {
			t.Errorf("read with %v, want %v", err, c.want)
		}
		cancel(nil)
	}
}

// What a connection breaks with stays what it is.
func TestContentThatIsCutOffIsAnError(t *testing.T) {
	s := buckettest.New(t)
	b := s.Bucket(t)
	if err := b.Put(t.Context(), "x", []byte("content")); err != nil {
		t.Fatal(err)
	}
	s.Fail(func(*http.Request) buckettest.Fault { return buckettest.Cut })
	r, _, err := b.Open(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.ReadAll(r); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("read with %v", err)
	}
}
