package auth

import (
	"context"
	"net/netip"
	"runtime"
	"time"
)

// Config configures a [Realm]. Users and Secret are required.
type Config struct {
	// Users is everybody who can log in now.
	Users func() *Users
	// Secret is what credentials of unknown users are made up from, at least 32
	// bytes, the same after every start.
	Secret []byte
	// SessionLifetime is how long an authentication is good for
	// (connections.max.reauth.ms). 0: for as long as the connection.
	SessionLifetime time.Duration
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Realm authenticates clients. It may be used concurrently.
type Realm struct {
	cfg       Config
	attempts  *attempts
	last      *remembered
	computing chan struct{} // a token for each PBKDF2 that is being computed
	nonce     func() string // of a SCRAM exchange, never twice the same
}

// NewRealm makes a realm.
func NewRealm(cfg Config) *Realm {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Realm{
		cfg: cfg, attempts: newAttempts(), last: newRemembered(), nonce: newNonce,
		computing: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
	}
}

// attempt is one answer to the question who somebody is.
type attempt struct {
	mechanism Mechanism
	from      netip.Addr
	user      string
	known     bool // there is such a user, with a credential for the mechanism
	// costly says that verify computes for milliseconds.
	costly bool
	verify func() (bool, error)
}

// judge verifies an attempt when its turn has come. The error is a
// *[FailedError] unless ctx ended or the system's cryptography refused.
func (r *Realm) judge(ctx context.Context, a attempt) error {
	g := r.attempts.guesser(a.from, a.user)
	// A processor first: those who wait for one have not been wrong yet.
	if err := r.enter(ctx, a.costly); err != nil {
		return err
	}
	defer r.leave(a.costly)
	wait, ok := r.attempts.reserve(g, r.cfg.Now())
	if !ok {
		return r.failed(a, "too many wrong attempts")
	}
	if wait > 0 {
		if err := r.pause(ctx, a.costly, wait); err != nil {
			return err
		}
	}
	right, err := a.verify()
	if err != nil {
		return err
	}
	if !right || !a.known {
		return r.failed(a, "wrong password")
	}
	r.attempts.giveBack(g, r.cfg.Now())
	return nil
}

// failed is the error of a wrong attempt.
func (*Realm) failed(a attempt, reason string) error {
	if !a.known {
		reason = "no such user, or none with this mechanism"
	}
	return &FailedError{Mechanism: a.mechanism, User: a.user, Reason: reason, Public: "wrong user or password"}
}

// enter takes a processor for what is costly; leave gives it back.
func (r *Realm) enter(ctx context.Context, costly bool) error {
	if !costly {
		return nil
	}
	select {
	case r.computing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *Realm) leave(costly bool) {
	if costly {
		<-r.computing
	}
}

// pause waits without holding a processor. It holds one again when it returns,
// also with an error.
func (r *Realm) pause(ctx context.Context, costly bool, wait time.Duration) error {
	r.leave(costly)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	var err error
	select {
	case <-timer.C:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if costly {
		r.computing <- struct{}{}
	}
	return err
}
