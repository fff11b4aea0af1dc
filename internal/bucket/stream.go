package bucket

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/minio/minio-go/v7"
)

// slowest is how many bytes a second a long object is read and written at least.
const slowest = 1 << 20

// allowance is how long one request may take that moves so many bytes.
func (b *Bucket) allowance(size int64) time.Duration {
	return b.timeout + time.Duration(size/slowest)*time.Second
}

// Open returns an object's content, to be read as it comes, with its size in bytes;
// ErrNotFound if there is none. The caller closes it. ctx is also of the reading. An error
// of either wraps [context.DeadlineExceeded] if that took too long.
func (b *Bucket) Open(ctx context.Context, name string) (io.ReadCloser, int64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	patience := time.AfterFunc(b.timeout, func() { cancel(tooSlow(b.timeout)) })
	body, info, _, err := minio.Core{Client: b.client}.GetObject(ctx, b.place.Bucket, b.place.key(name), minio.GetObjectOptions{})
	if err != nil {
		patience.Stop()
		err = b.explain("read", name, caused(ctx, err))
		cancel(nil)
		return nil, 0, err
	}
	allowed := b.allowance(info.Size)
	patience.Stop()
	patience = time.AfterFunc(allowed, func() { cancel(tooSlow(allowed)) })
	s := &stream{ReadCloser: body, end: func() { patience.Stop(); cancel(nil) }}
	s.explain = func(err error) error { return b.explain("read", name, caused(ctx, err)) }
	return s, info.Size, nil
}

// tooSlow says that a request took longer than it may.
func tooSlow(allowed time.Duration) error {
	return fmt.Errorf("it takes more than %v: %w", allowed, context.DeadlineExceeded)
}

// caused is why ctx has ended, if it has: what failed then only says that it has.
func caused(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// stream is an object's content that is being read.
type stream struct {
	io.ReadCloser
	explain func(error) error
	end     func()
}

// Read reads the content as it comes.
func (s *stream) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = s.explain(err)
	}
	return n, err
}

func (s *stream) Close() error {
	defer s.end()
	return s.ReadCloser.Close()
}

// PutFrom writes an object of size bytes, whatever is there.
func (b *Bucket) PutFrom(ctx context.Context, name string, data io.Reader, size int64) error {
	ctx, cancel := context.WithTimeout(ctx, b.allowance(size))
	defer cancel()
	opts := minio.PutObjectOptions{DisableMultipart: true, ContentType: contentType}
	if _, err := b.client.PutObject(ctx, b.place.Bucket, b.place.key(name), data, size, opts); err != nil {
		return b.explain("write", name, err)
	}
	return nil
}
