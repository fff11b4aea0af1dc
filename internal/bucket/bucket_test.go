package bucket_test

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/evidentlog/evident/internal/bucket"
	"github.com/evidentlog/evident/internal/bucket/buckettest"
)

func TestConditionsDecideWhoWrites(t *testing.T) {
	b := buckettest.New(t).Bucket(t)
	ctx := t.Context()
	if _, err := b.Get(ctx, "x", ""); !errors.Is(err, bucket.ErrNotFound) {
		t.Fatalf("%v", err)
	}
	first, err := b.Create(ctx, "x", []byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Create(ctx, "x", []byte("two")); !errors.Is(err, bucket.ErrTaken) {
		t.Fatalf("%v", err)
	}
	second, err := b.Replace(ctx, "x", []byte("three"), first)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Replace(ctx, "x", []byte("four"), first); !errors.Is(err, bucket.ErrTaken) {
		t.Fatalf("%v", err)
	}
	if o, err := b.Get(ctx, "x", first); err != nil || string(o.Data) != "three" || o.ETag != second {
		t.Fatalf("%+v, %v", o, err)
	}
	if _, err := b.Get(ctx, "x", second); !errors.Is(err, bucket.ErrUnchanged) {
		t.Fatalf("%v", err)
	}
	if o, err := b.GetStart(ctx, "x", 2); err != nil || string(o.Data) != "th" {
		t.Fatalf("%+v, %v", o, err)
	}
}

func TestAStoreThatPassesOverConditionsIsRefused(t *testing.T) {
	s := buckettest.New(t)
	if err := s.Bucket(t).Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Unconditional = true
	if err := s.Bucket(t).Probe(t.Context()); !errors.Is(err, bucket.ErrUnconditional) {
		t.Fatalf("%v", err)
	}
	if n := len(s.Objects()); n != 0 {
		t.Errorf("%d objects are left", n)
	}
}

// A second try of a write that was done would look like a lost race.
func TestNoRequestIsTriedTwice(t *testing.T) {
	for _, fault := range []buckettest.Fault{buckettest.Busy, buckettest.Broken, buckettest.Refused, buckettest.Full, buckettest.Conflict, buckettest.LostBefore, buckettest.LostAfter} {
		s := buckettest.New(t)
		var requests atomic.Int32
		s.Fail(func(*http.Request) buckettest.Fault { requests.Add(1); return fault })
		if _, err := s.Bucket(t).Create(t.Context(), "x", []byte("one")); err == nil || errors.Is(err, bucket.ErrTaken) {
			t.Errorf("fault %d: %v", fault, err)
		}
		if n := requests.Load(); n != 1 {
			t.Errorf("fault %d: %d requests", fault, n)
		}
	}
}

// Nobody's memory is at the mercy of what is in the store.
func TestWhatIsTooLargeIsNeitherReadNorWrittenWhole(t *testing.T) {
	s := buckettest.New(t)
	if err := s.Bucket(t).Put(t.Context(), "x", []byte("12345")); err != nil {
		t.Fatal(err)
	}
	s.Largest = 4
	b := s.Bucket(t)
	if o, err := b.Get(t.Context(), "x", ""); !errors.Is(err, bucket.ErrLarge) || o.Data != nil {
		t.Errorf("read %q, %v", o.Data, err)
	}
	if o, err := b.GetStart(t.Context(), "x", 2); err != nil || string(o.Data) != "12" {
		t.Errorf("its beginning: %q, %v", o.Data, err)
	}
	if err := b.Put(t.Context(), "y", []byte("12345")); !errors.Is(err, bucket.ErrLarge) {
		t.Errorf("written: %v", err)
	}
	if err := b.Put(t.Context(), "y", []byte("1234")); err != nil {
		t.Error(err)
	}
	if o, err := b.Get(t.Context(), "y", ""); err != nil || string(o.Data) != "1234" {
		t.Errorf("read %q, %v", o.Data, err)
	}
}

func TestPlacesAreReadAsWritten(t *testing.T) {
	p, err := bucket.ParsePlace("s3://b/a/ledger/?endpoint=https://s3.example.com:9000&region=eu-1")
	if want := (bucket.Place{Bucket: "b", Prefix: "a/ledger", Endpoint: "https://s3.example.com:9000", Region: "eu-1"}); err != nil || p != want {
		t.Errorf("%+v, %v", p, err)
	}
	if p.String() != "s3://b/a/ledger" {
		t.Errorf("%v", p)
	}
	for _, bad := range []string{"", "b", "http://b/a", "s3:///a", "s3://b?endpoint=", "s3://b?endpoint=ftp://x", "s3://b?regio=x", "s3://user:pass@b/a", "s3://b?region=a&region=b", "s3://b?endpoint=https://x/path"} {
		if p, err := bucket.ParsePlace(bad); err == nil {
			t.Errorf("%q is read as %+v", bad, p)
		}
	}
}
