package auth

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// How often somebody may be wrong: so many times at once, then once an
// interval. A client that would wait for longer than patience is refused.
const (
	attemptBurst    = 20
	attemptInterval = time.Second
	attemptPatience = 10 * time.Second
	// maxGuessers bounds the memory of attempts to about a megabyte.
	maxGuessers = 10_000
)

// guesser is somebody who says to be a certain user. The user is a hash, for
// names can be long and two that collide do no harm.
type guesser struct {
	network netip.Prefix
	user    uint64
}

// attempts bounds how often guessers may be wrong (GCRA, a token bucket that is
// a single time).
type attempts struct {
	seed maphash.Seed
	mu   struct {
		sync.Mutex
		// due is when all that a guesser has used of its burst is back.
		due   map[guesser]time.Time
		swept time.Time
	}
}

func newAttempts() *attempts {
	a := &attempts{seed: maphash.MakeSeed()}
	a.mu.due = make(map[guesser]time.Time)
	return a
}

// guesser names who comes from an address. All of an IPv6 network of 64 bits is
// one, for that is what a single machine can have.
func (a *attempts) guesser(from netip.Addr, user string) guesser {
	from = from.Unmap()
	bits := from.BitLen()
	if from.Is6() {
		bits = 64
	}
	network, _ := from.Prefix(bits) // the zero Prefix for connections without an address
	return guesser{network, maphash.String(a.seed, user)}
}

// reserve takes one attempt and tells how long to wait before it; false means
// that there are too many. It counts as wrong unless it is given back.
func (a *attempts) reserve(g guesser, now time.Time) (time.Duration, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	due, ok := a.mu.due[g]
	if !ok {
		a.makeRoom(now)
	}
	if due.Before(now) {
		due = now
	}
	wait := max(0, due.Sub(now)-(attemptBurst-1)*attemptInterval)
	if wait > attemptPatience {
		return 0, false
	}
	a.mu.due[g] = due.Add(attemptInterval)
	return wait, true
}

// giveBack returns an attempt that was right.
func (a *attempts) giveBack(g guesser, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	due, ok := a.mu.due[g]
	if !ok {
		return
	}
	if due = due.Add(-attemptInterval); due.After(now) {
		a.mu.due[g] = due
	} else {
		delete(a.mu.due, g)
	}
}

// makeRoom forgets those who have nothing left to wait for, and if that is not
// enough, somebody.
func (a *attempts) makeRoom(now time.Time) {
	if len(a.mu.due) < maxGuessers {
		return
	}
	if now.Sub(a.mu.swept) >= attemptInterval {
		a.mu.swept = now
		for g, due := range a.mu.due {
			if !due.After(now) {
				delete(a.mu.due, g)
			}
		}
	}
	for g := range a.mu.due {
		if len(a.mu.due) < maxGuessers {
			return
		}
		delete(a.mu.due, g)
	}
}
