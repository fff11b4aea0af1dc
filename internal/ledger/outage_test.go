package ledger

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/bucket"
	"github.com/evidentlog/evident/internal/bucket/buckettest"
)

// withLog lets a node begin again, with a log that is read, and with a bucket of
// its own.
func (m *team) withLog(n *node) (*strings.Builder, *bucket.Bucket) {
	m.t.Helper()
	_ = n.Close()
	said := &strings.Builder{}
	cfg := m.config(n.disk)
	cfg.Logger = slog.New(slog.NewTextHandler(said, nil))
	b := m.store.Bucket(m.t)
	l, err := OpenShared(m.t.Context(), cfg, b)
	if err != nil {
		m.t.Fatal(err)
	}
	n.Ledger = l
	return said, b
}

// Whatever a bucket does instead of what it should, a node says so once, with why,
// keeps what it has, and goes on by itself.
func TestABucketThatFailsForAWhileIsWaitedFor(t *testing.T) {
	for fault, why := range map[buckettest.Fault]string{
		buckettest.Busy:       "HTTP status 503, SlowDown",
		buckettest.Broken:     "HTTP status 500, InternalError",
		buckettest.Refused:    "HTTP status 403, AccessDenied",
		buckettest.Full:       "HTTP status 507, XMinioStorageFull",
		buckettest.Cut:        "unexpected EOF",
		buckettest.LostBefore: "Connection closed",
		buckettest.LostAfter:  "Connection closed",
		buckettest.Late:       "Connection closed",
		buckettest.Hang:       "context deadline exceeded",
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			m := newTeam(t, 2)
			n := m.nodes[0]
			said, b := m.withLog(n)
			m.grow(n, 0, 10)
			m.round(n)
			m.grow(m.nodes[1], 1, 10)
			m.round(m.nodes[1]) // so that there is something to read
			puts := m.store.Puts()
			m.store.Fail(func(r *http.Request) buckettest.Fault {
				if fault == buckettest.Full && r.Method != http.MethodPut {
					return buckettest.None
				}
				return fault
			})
			patient := *b
			if fault == buckettest.Hang { // only while nothing is answered: nobody knows how slow a machine is
				*b = *m.store.Impatient(t, 50*time.Millisecond)
			}
			for range 3 {
				m.grow(n, 0, 10)
				m.round(n)
			}
			*b = patient
			if got := said.String(); strings.Count(got, "nothing becomes provable until") != 1 || !strings.Contains(got, why) {
				t.Errorf("it says\n%s", got)
			}
			if got := m.store.Puts() - puts; got > 1 {
				t.Errorf("the bucket has %d writes more", got)
			}
			m.store.Fail(nil)
			m.round(n)
			if got := said.String(); strings.Count(got, `msg="the ledger's bucket can be used again"`) != 1 {
				t.Errorf("it says\n%s", got)
			}
			m.check(2)
			tr := orders(0)
			tr.Deployment = testOrigin
			if h, err := m.nodes[1].Head(tr.Origin()); err != nil || h.Size != 40 {
				t.Errorf("%+v, %v", h, err)
			}
		})
	}
}

func TestANodeThatStartsSaysWhatIsWrongWithTheBucket(t *testing.T) {
	for fault, why := range map[buckettest.Fault]string{
		buckettest.Broken:  "HTTP status 500, InternalError",
		buckettest.Refused: "HTTP status 403, AccessDenied",
		buckettest.Full:    "HTTP status 507, XMinioStorageFull",
		buckettest.Hang:    "context deadline exceeded",
	} {
		m := newTeam(t, 0)
		m.store.Fail(func(*http.Request) buckettest.Fault { return fault })
		patience := time.Millisecond
		if fault != buckettest.Hang {
			patience = bucket.DefaultTimeout
		}
		_, err := OpenShared(t.Context(), m.config(m.newDisk()), m.store.Impatient(t, patience))
		if err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), "s3://bucket/a/ledger/probe-") {
			t.Errorf("fault %d: %v", fault, err)
		}
	}
}
