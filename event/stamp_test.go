package event

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/iotest"
	"time"
)

func stamper(t *testing.T, now func() time.Time, random io.Reader) *Stamper {
	t.Helper()
	s, err := NewStamper("/stamped", now, random)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatIsMissingIsStamped(t *testing.T) {
	at := time.Date(2022, 2, 22, 14, 22, 22, 500_000_000, time.FixedZone("", -5*3600))
	s := stamper(t, func() time.Time { return at }, bytes.NewReader(bytes.Repeat([]byte{0xff}, 16)))
	e := Event{Type: "t"}
	if err := s.Stamp(&e); err != nil {
		t.Fatal(err)
	}
	want := Event{ID: "017f22e2-7ba4-7000-bfff-ffffffffffff", Source: "/stamped", Type: "t", Time: "2022-02-22T19:22:22.5Z"}
	if !e.Equal(&want) || e.Validate() != nil {
		t.Fatalf("%+v, want %+v", e, want)
	}
	given := Event{ID: "1", Source: "/s", Type: "t", Time: "2026-01-02T03:04:05Z"}
	e = given
	if err := s.Stamp(&e); err != nil || !e.Equal(&given) {
		t.Fatalf("what was there is %+v, %v", e, err)
	}
}

// The vector of RFC 9562, appendix A.6.
func TestAnIDIsAUUIDOfVersion7(t *testing.T) {
	at := time.UnixMilli(0x017F22E279B0).Add(0xCC3 * time.Millisecond / 4096).Add(time.Nanosecond)
	random := []byte{0x18, 0xC4, 0xDC, 0x0C, 0x0C, 0x07, 0x39, 0x8F}
	id, err := stamper(t, func() time.Time { return at }, bytes.NewReader(random)).NewID()
	if want := "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"; err != nil || id != want {
		t.Fatalf("%s, %v; want %s", id, err, want)
	}
}

// Ids rise whatever the clock does, and whoever asks.
func TestIDsRise(t *testing.T) {
	at := time.Unix(1e9, 0)
	s := stamper(t, func() time.Time { return at }, rand.Reader)
	last := ""
	for _, step := range []time.Duration{0, time.Nanosecond, -time.Hour, 0, 2 * time.Hour, -1e9 * time.Second, -1 * time.Hour} {
		at = at.Add(step)
		id, err := s.NewID()
		if err != nil || id <= last {
			t.Fatalf("%s after %s, %v", id, last, err)
		}
		last = id
	}
	var all sync.Map
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				id, err := s.NewID()
				if _, twice := all.LoadOrStore(id, true); twice || err != nil {
					t.Errorf("%s twice, or %v", id, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestAStamperNeedsASourceAndRandomNumbers(t *testing.T) {
	for _, source := range []string{"", "a b"} {
		if _, err := NewStamper(source, time.Now, rand.Reader); !errors.Is(err, ErrInvalid) {
			t.Errorf("source %q: %v", source, err)
		}
	}
	broken := errors.New("no entropy")
	e := Event{Type: "t"}
	if err := stamper(t, time.Now, iotest.ErrReader(broken)).Stamp(&e); !errors.Is(err, broken) || e.ID != "" {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestACausedEventCarriesTheFlow(t *testing.T) {
	first, second, third := valid(), valid(), valid()
	second.ID, third.ID = "2", "3"
	first.SetExtension(TraceParent, String("00-a"))
	first.SetExtension(TraceState, String("s"))
	second.CausedBy(&first)
	third.SetExtension(TraceParent, String("00-b"))
	third.CausedBy(&second)
	for _, tc := range []struct {
		e                              *Event
		cause, flow, trace, traceState string
	}{{&first, "", "", "00-a", "s"}, {&second, "1", "1", "00-a", "s"}, {&third, "2", "1", "00-b", ""}} {
		e := tc.e
		if e.extension(CausationID) != tc.cause || e.extension(CorrelationID) != tc.flow || e.extension(TraceParent) != tc.trace || e.extension(TraceState) != tc.traceState {
			t.Errorf("%+v", e)
		}
	}
	other := valid()
	other.SetExtension(CorrelationID, String("own"))
	other.CausedBy(&second)
	if other.extension(CorrelationID) != "own" {
		t.Errorf("%+v", other)
	}
}
