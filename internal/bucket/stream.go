package bucket

import (
	"context"
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
// ErrNotFound if there is none. The caller closes it. ctx is also of the reading.
func (b *Bucket) Open(ctx context.Context, name string) (io.ReadCloser, int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	patience := time.AfterFunc(b.timeout, cancel)
	body, info, _, err := minio.Core{Client: b.client}.GetObject(ctx, b.place.Bucket, b.place.key(name), minio.GetObjectOptions{})
	if err != nil {
		cancel()
		return nil, 0, b.explain("read", name, err)
	}
	patience.Reset(b.allowance(info.Size))
	return &stream{body, func() { patience.Stop(); cancel() }}, info.Size, nil
}

// stream is an object's content that is being read.
type stream struct {
	io.ReadCloser
	end func()
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
