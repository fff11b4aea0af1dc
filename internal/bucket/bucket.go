package bucket

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Errors of a bucket.
var (
	// ErrNotFound says that there is no such object.
	ErrNotFound = errors.New("no such object")
	// ErrUnchanged says that an object is still the one that was read.
	ErrUnchanged = errors.New("the object has not changed")
	// ErrTaken says that the condition of a write does not hold: an object that was
	// to be created is there, or one that was to be replaced is another by now.
	ErrTaken = errors.New("somebody else has written the object")
	// ErrConflict says that the store refused one of several writes at once without
	// looking at its condition (S3: ConditionalRequestConflict). Nothing is written.
	ErrConflict = errors.New("somebody else is writing the object")
	// ErrLarge says that an object is larger than is kept in memory.
	ErrLarge = errors.New("the object is too large to be read or written whole")
)

// contentType is that of all objects.
const contentType = "application/octet-stream"

// DefaultTimeout is how long one request may take.
const DefaultTimeout = 30 * time.Second

// DefaultLargest is how many bytes an object may have that is read or written whole.
const DefaultLargest = 1 << 30

// A Bucket is a place for objects: those of an S3 bucket whose names begin with
// a prefix. Its methods may be called by any goroutine.
type Bucket struct {
	place   Place
	client  *minio.Client
	clock   *clock
	timeout time.Duration
	largest int64
}

// An Object is the content of one, with what conditions name it by.
type Object struct {
	Data []byte
	ETag string
}

// Config says where a bucket is and how to get in.
type Config struct {
	Place
	// Credentials are asked for with each request; those of the environment, of
	// AWS's files and of the machine if nil.
	Credentials *credentials.Credentials
	// Transport makes connections; that of minio-go if nil.
	Transport http.RoundTripper
	// Timeout is how long one request may take; DefaultTimeout if 0.
	Timeout time.Duration
	// Largest is how many bytes an object may have that is read or written whole, which
	// takes as much memory; DefaultLargest if 0.
	Largest int64
}

// anyRegion stands for the region of stores that have none: it saves asking.
const anyRegion = "us-east-1"

// New returns a bucket. It does not look whether it is there: see [Bucket.Probe].
func New(cfg Config) (*Bucket, error) {
	creds := cfg.Credentials
	if creds == nil {
		creds = credentials.NewChainCredentials([]credentials.Provider{
			&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{},
		})
	}
	lookup, region := minio.BucketLookupAuto, cfg.Region
	if cfg.Endpoint != "" {
		lookup, region = minio.BucketLookupPath, cmp.Or(region, anyRegion)
	}
	clock, err := newClock(cfg)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", cfg.Place, err)
	}
	client, err := minio.New(cfg.host(), &minio.Options{
		Creds: creds, Secure: cfg.secure(), Region: region, BucketLookup: lookup, Transport: clock,
		MaxRetries: 1, // what a write without an answer means is for the caller to find out
	})
	if err != nil {
		return nil, fmt.Errorf("%v: %w", cfg.Place, err)
	}
	return &Bucket{
		place: cfg.Place, client: client, clock: clock,
		timeout: cmp.Or(cfg.Timeout, DefaultTimeout), largest: cmp.Or(cfg.Largest, DefaultLargest),
	}, nil
}

func (b *Bucket) String() string { return b.place.String() }

// Get returns an object, ErrNotFound if there is none, or ErrUnchanged if it has
// the ETag unless, which may be empty.
func (b *Bucket) Get(ctx context.Context, name, unless string) (Object, error) {
	var opts minio.GetObjectOptions
	if unless != "" {
		if err := opts.SetMatchETagExcept(unless); err != nil {
			return Object{}, err
		}
	}
	return b.get(ctx, name, opts, b.largest)
}

// GetStart returns up to n bytes from the beginning of an object that is not empty.
func (b *Bucket) GetStart(ctx context.Context, name string, n int64) (Object, error) {
	var opts minio.GetObjectOptions
	if err := opts.SetRange(0, n-1); err != nil {
		return Object{}, err
	}
	return b.get(ctx, name, opts, n)
}

// get reads an object, or a part of one, that has at most most bytes: whatever the store
// says and sends, no more is taken into memory.
func (b *Bucket) get(ctx context.Context, name string, opts minio.GetObjectOptions, most int64) (Object, error) {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	body, info, _, err := minio.Core{Client: b.client}.GetObject(ctx, b.place.Bucket, b.place.key(name), opts)
	if err != nil {
		return Object{}, b.explain("read", name, err)
	}
	data, err := io.ReadAll(io.LimitReader(body, most+1))
	if int64(len(data)) > most {
		err = fmt.Errorf("%w: it has more than %d bytes", ErrLarge, most)
	}
	if err = errors.Join(err, body.Close()); err != nil {
		return Object{}, b.explain("read", name, err)
	}
	return Object{data, info.ETag}, nil
}

// Create writes an object that is not there yet and returns its ETag. ErrTaken
// says that it is there.
func (b *Bucket) Create(ctx context.Context, name string, data []byte) (etag string, err error) {
	var opts minio.PutObjectOptions
	opts.SetMatchETagExcept("*")
	return b.put(ctx, name, data, opts)
}

// Replace writes an object in the place of the one with an ETag, and returns the
// new ETag. ErrTaken says that it is another by now.
func (b *Bucket) Replace(ctx context.Context, name string, data []byte, old string) (etag string, err error) {
	var opts minio.PutObjectOptions
	opts.SetMatchETag(old)
	return b.put(ctx, name, data, opts)
}

// Put writes an object, whatever is there.
func (b *Bucket) Put(ctx context.Context, name string, data []byte) error {
	_, err := b.put(ctx, name, data, minio.PutObjectOptions{})
	return err
}

func (b *Bucket) put(ctx context.Context, name string, data []byte, opts minio.PutObjectOptions) (string, error) {
	if size := int64(len(data)); size > b.largest { // nobody could read it
		return "", b.explain("write", name, fmt.Errorf("%w: it has %d bytes, and %d are the most", ErrLarge, size, b.largest))
	}
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	opts.DisableMultipart = true // a condition is on one request
	opts.ContentType = contentType
	info, err := b.client.PutObject(ctx, b.place.Bucket, b.place.key(name), bytes.NewReader(data), int64(len(data)), opts)
	if err != nil {
		return "", b.explain("write", name, err)
	}
	return info.ETag, nil
}

// Remove deletes an object; that it is not there is no error.
func (b *Bucket) Remove(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	if err := b.client.RemoveObject(ctx, b.place.Bucket, b.place.key(name), minio.RemoveObjectOptions{}); err != nil {
		return b.explain("remove", name, err)
	}
	return nil
}

// explain gives an error the name of what it is about, and tells those apart
// that callers ask for.
func (b *Bucket) explain(verb, name string, err error) error {
	answer := minio.ToErrorResponse(err)
	switch {
	case answer.StatusCode == http.StatusNotModified:
		err = ErrUnchanged
	case answer.Code == "NoSuchKey", answer.StatusCode == http.StatusNotFound && answer.Code != "NoSuchBucket":
		err = ErrNotFound
	case answer.StatusCode == http.StatusPreconditionFailed:
		err = ErrTaken
	case answer.StatusCode == http.StatusConflict:
		err = fmt.Errorf("%w: HTTP status %d, %s", ErrConflict, answer.StatusCode, answer.Code)
	case answer.StatusCode != 0:
		err = fmt.Errorf("HTTP status %d, %s: %w", answer.StatusCode, answer.Code, err)
	}
	return fmt.Errorf("cannot %s %s/%s: %w", verb, b.place, name, err)
}
