package auth

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fewIterations make PLAIN quick.
const fewIterations = 16

// guess tries to log in as user with PLAIN and tells when that was answered.
func guess(ctx context.Context, r *Realm, from, user, password string) (time.Time, error) {
	s := r.Session(Mechanisms(), netip.MustParseAddr(from))
	if err := s.Begin("PLAIN"); err != nil {
		return time.Now(), err
	}
	_, err := s.Step(ctx, []byte("\x00"+user+"\x00"+password))
	return time.Now(), err
}

func TestGuessingIsSlowWhateverTheNumberOfConnections(t *testing.T) {
	u := users(t, fewIterations, "alice:a", "bob:b")
	synctest.Test(t, func(t *testing.T) {
		r := realm(u)
		began := time.Now()
		var verified, refused atomic.Int32
		var attackers sync.WaitGroup
		for range 100 {
			attackers.Go(func() {
				_, err := guess(t.Context(), r, "192.0.2.1", "alice", "x")
				if failure(t, err).Reason == "too many wrong attempts" {
					refused.Add(1)
				} else {
					verified.Add(1)
				}
			})
		}
		synctest.Wait()
		if n := verified.Load(); n != attemptBurst {
			t.Errorf("%d guesses were answered at once, want %d", n, attemptBurst)
		}
		for name, from := range map[string]string{"another user": "192.0.2.1", "another address": "192.0.2.2"} {
			user := "bob"
			if name == "another address" {
				user = "alice"
			}
			if at, err := guess(t.Context(), r, from, user, user[:1]); err != nil || at != began {
				t.Errorf("%s waits %v, %v", name, at.Sub(began), err)
			}
		}
		attackers.Wait()
		if n := verified.Load(); time.Since(began) != attemptPatience || n != attemptBurst+int32(attemptPatience/attemptInterval) || n+refused.Load() != 100 {
			t.Errorf("%d guesses were answered and %d refused in %v", n, refused.Load(), time.Since(began))
		}
		began = time.Now()
		if at, err := guess(t.Context(), r, "192.0.2.1", "alice", "a"); err != nil || at.Sub(began) > attemptPatience {
			t.Errorf("the right password is no more accepted: %v", err)
		}
	})
}

func TestRightPasswordsAreNotCounted(t *testing.T) {
	u := users(t, fewIterations, "alice:a")
	synctest.Test(t, func(t *testing.T) {
		r := realm(u)
		began := time.Now()
		var all sync.WaitGroup
		for range 3 * attemptBurst {
			all.Go(func() {
				if at, err := guess(t.Context(), r, "192.0.2.1", "alice", "a"); err != nil || at != began {
					t.Errorf("waits %v, %v", at.Sub(began), err)
				}
			})
		}
		all.Wait()
		if n := len(r.attempts.mu.due); n != 0 {
			t.Errorf("%d guessers are remembered", n)
		}
	})
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	u := users(t, fewIterations, "alice:a")
	synctest.Test(t, func(t *testing.T) {
		r := realm(u)
		for range attemptBurst {
			guess(t.Context(), r, "192.0.2.1", "alice", "x")
		}
		ctx, cancel := context.WithTimeout(t.Context(), attemptInterval/2)
		defer cancel()
		if _, err := guess(ctx, r, "192.0.2.1", "alice", "x"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		for range cap(r.computing) { // or this would wait for ever
			r.computing <- struct{}{}
		}
	})
}

func TestGuessersAreTold(t *testing.T) {
	a := newAttempts()
	for _, c := range []struct {
		from, user, other, otherUser string
		same                         bool
	}{
		{"192.0.2.1", "a", "192.0.2.1", "a", true},
		{"192.0.2.1", "a", "::ffff:192.0.2.1", "a", true},
		{"2001:db8::1", "a", "2001:db8::ffff:1", "a", true},
		{"192.0.2.1", "a", "192.0.2.2", "a", false},
		{"192.0.2.1", "a", "192.0.2.1", "b", false},
		{"2001:db8::1", "a", "2001:db8:0:1::1", "a", false},
	} {
		if got := a.guesser(netip.MustParseAddr(c.from), c.user) == a.guesser(netip.MustParseAddr(c.other), c.otherUser); got != c.same {
			t.Errorf("%+v: %v", c, got)
		}
	}
	a.guesser(netip.Addr{}, "a") // a pipe has no address
}

func TestGuessersAreForgotten(t *testing.T) {
	a, now := newAttempts(), time.Now()
	spread := func() {
		for i := range maxGuessers + 100 {
			a.reserve(guesser{user: uint64(i)}, now)
		}
		if n := len(a.mu.due); n > maxGuessers {
			t.Errorf("%d are remembered", n)
		}
	}
	spread()
	now = now.Add(time.Minute)
	a.reserve(guesser{user: maxGuessers + 1000}, now)
	if n := len(a.mu.due); n != 1 {
		t.Errorf("%d are remembered after a minute", n)
	}
	spread()
}
