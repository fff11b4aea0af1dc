package broker

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/auth"
	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/vfs"
)

func TestClientsLogInOverTLSWithEveryMechanism(t *testing.T) {
	s := start(t)
	s.user("alice", "wonder=land,")
	d := s.guarded(certificate(t), auth.Mechanisms()...)
	for _, m := range auth.Mechanisms() {
		topic := string(m)
		s.create(1, nil, topic)
		c := d.client(mechanism(m, "alice", "wonder=land,"), kgo.ConsumeTopics(topic))
		s.produce(c, topic, "x")
		consume(t, c, 1)
		for user, password := range map[string]string{"alice": "wrong", "nobody": "wonder=land,"} {
			c := d.client(mechanism(m, user, password), kgo.RequestRetries(0))
			if err := c.Ping(t.Context()); !errors.Is(err, kerr.SaslAuthenticationFailed) || !strings.Contains(err.Error(), "wrong user or password") {
				t.Errorf("%s as %s: got %v", m, user, err)
			}
			c.Close()
		}
		if n := testutil.ToFloat64(s.metrics.authentications.WithLabelValues(topic, "failed")); n < 2 {
			t.Errorf("%s: %v failures are counted", m, n)
		}
	}
}

func TestTheBrokerKnowsWhoAsks(t *testing.T) {
	s := start(t)
	s.user("alice", "a")
	seen := make(chan auth.Principal, 1)
	s.table[60].handle = func(_ context.Context, c *call) (answer, error) {
		seen <- c.principal()
		return response{kmsg.NewPtrDescribeClusterResponse()}, nil
	}
	ask[kmsg.Response](s.dial(), kmsg.NewPtrDescribeClusterRequest())
	if p := <-seen; p != auth.Anonymous() {
		t.Errorf("got %v", p)
	}
	c := s.guarded(nil, auth.Plain).dial()
	c.login("alice", "a")
	ask[kmsg.Response](c, kmsg.NewPtrDescribeClusterRequest())
	if p := <-seen; p != auth.User("alice") {
		t.Errorf("got %v", p)
	}
	for want, identify := range map[string]func(context.Context, net.Conn) (auth.Principal, error){
		"User:CN=alice": func(context.Context, net.Conn) (auth.Principal, error) { return auth.User("CN=alice"), nil },
		"nobody": func(context.Context, net.Conn) (auth.Principal, error) {
			return auth.Principal{}, errors.New("no certificate")
		},
	} {
		client, server := net.Pipe()
		go s.ServeConn(context.Background(), server, ListenerInfo{Identify: identify})
		c := &raw{t: t, Conn: client}
		if want == "nobody" {
			c.closed()
			continue
		}
		ask[kmsg.Response](c, kmsg.NewPtrDescribeClusterRequest())
		if p := <-seen; p.String() != want {
			t.Errorf("got %v, want %s", p, want)
		}
		client.Close()
	}
}

// Until a client is known it can do nothing but authenticate, and that within
// bounds.
func TestUnknownClientsMayOnlyAuthenticate(t *testing.T) {
	s := start(t)
	s.user("alice", "a")
	d := s.guarded(nil, auth.Mechanisms()...)
	versions := kmsg.NewPtrApiVersionsRequest()
	large := handshake(1, strings.Repeat("x", maxUnknownBytes))
	for name, c := range map[string]struct {
		reqs   []kmsg.Request // all but the last are answered
		reason string
	}{
		"metadata":                   {[]kmsg.Request{kmsg.NewPtrMetadataRequest()}, "unauthenticated"},
		"metadata after versions":    {[]kmsg.Request{versions, kmsg.NewPtrMetadataRequest()}, "unauthenticated"},
		"produce":                    {[]kmsg.Request{kmsg.NewPtrProduceRequest()}, "unauthenticated"},
		"authenticate, no handshake": {[]kmsg.Request{authenticate(2, "\x00alice\x00a")}, "unauthenticated"},
		"metadata in the exchange":   {[]kmsg.Request{handshake(1, "PLAIN"), kmsg.NewPtrMetadataRequest()}, "unauthenticated"},
		"large":                      {[]kmsg.Request{large}, "too_large"},
		"large in the exchange":      {[]kmsg.Request{handshake(1, "PLAIN"), authenticate(2, strings.Repeat("x", maxUnknownBytes))}, "too_large"},
		"chatter":                    {append(slices.Repeat([]kmsg.Request{versions}, maxUnknownRequests), versions), "unauthenticated"},
	} {
		before := testutil.ToFloat64(s.metrics.connectionErrors.WithLabelValues(c.reason))
		conn := d.dial()
		last := len(c.reqs) - 1
		for _, req := range c.reqs[:last] {
			ask[kmsg.Response](conn, req)
		}
		conn.correlation++
		conn.Write(kmsg.NewRequestFormatter().AppendRequest(nil, c.reqs[last], conn.correlation)) // it may be closed already
		conn.closed()
		waitFor(t, func() bool {
			return testutil.ToFloat64(s.metrics.connectionErrors.WithLabelValues(c.reason)) == before+1
		}, "%s is not counted as %s", name, c.reason)
	}
}

func TestAnotherMechanismCanBeChosen(t *testing.T) {
	s := start(t)
	s.user("alice", "a")
	c := s.guarded(nil, auth.ScramSHA512, auth.Plain).dial()
	resp := ask[*kmsg.SASLHandshakeResponse](c, handshake(1, "GSSAPI"))
	if resp.ErrorCode != kerr.UnsupportedSaslMechanism.Code || !slices.Equal(resp.SupportedMechanisms, []string{"SCRAM-SHA-512", "PLAIN"}) {
		t.Fatalf("got %+v", resp)
	}
	if resp := c.login("alice", "a"); resp.ErrorCode != 0 || resp.SessionLifetimeMillis != 0 {
		t.Errorf("got %+v", resp)
	}
}

func TestMessagesOutOfTurn(t *testing.T) {
	s := start(t)
	s.user("alice", "a")
	c := s.guarded(nil, auth.Plain).dial()
	ask[*kmsg.SASLHandshakeResponse](c, handshake(1, "PLAIN"))
	if resp := ask[*kmsg.SASLHandshakeResponse](c, handshake(1, "PLAIN")); resp.ErrorCode != kerr.IllegalSaslState.Code {
		t.Errorf("handshake in the exchange: %+v", resp)
	}
	c.closed()
	c = s.guarded(nil, auth.Plain).dial()
	ask[*kmsg.SASLHandshakeResponse](c, handshake(1, "PLAIN"))
	if resp := ask[*kmsg.ApiVersionsResponse](c, kmsg.NewPtrApiVersionsRequest()); resp.ErrorCode != kerr.IllegalSaslState.Code {
		t.Errorf("versions in the exchange: %+v", resp)
	}
	c.closed()

	known := s.guarded(nil, auth.Plain).dial()
	known.login("alice", "a")
	for name, c := range map[string]*raw{"known": known, "of a listener without SASL": s.dial()} {
		for v := range int16(2) {
			if resp := ask[*kmsg.SASLHandshakeResponse](c, handshake(v, "PLAIN")); resp.ErrorCode != kerr.IllegalSaslState.Code {
				t.Errorf("handshake of a client that is %s: %+v", name, resp)
			}
		}
		if resp := ask[*kmsg.SASLAuthenticateResponse](c, authenticate(1, "\x00alice\x00a")); resp.ErrorCode != kerr.IllegalSaslState.Code {
			t.Errorf("authentication of a client that is %s: %+v", name, resp)
		}
		ask[*kmsg.MetadataResponse](c, kmsg.NewPtrMetadataRequest())
	}
}

// token exchanges a message without a request header.
func (r *raw) token(message string) (string, error) {
	r.t.Helper()
	if _, err := r.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(message))), message...)); err != nil {
		r.t.Fatal(err)
	}
	b, err := r.frame()
	return string(b), err
}

func TestHandshakeVersionZeroIsFollowedByBareMessages(t *testing.T) {
	s := start(t)
	s.user("alice", "a")
	d := s.guarded(nil, auth.Mechanisms()...)
	c := d.dial()
	ask[*kmsg.SASLHandshakeResponse](c, handshake(0, "PLAIN"))
	if reply, err := c.token("\x00alice\x00a"); err != nil || reply != "" {
		t.Fatalf("%q, %v", reply, err)
	}
	ask[*kmsg.MetadataResponse](c, kmsg.NewPtrMetadataRequest())

	c = d.dial()
	ask[*kmsg.SASLHandshakeResponse](c, handshake(0, "SCRAM-SHA-256"))
	peer, message, err := mechanism(auth.ScramSHA256, "alice", "a").Authenticate(t.Context(), "")
	for done := false; err == nil && !done; {
		var reply string
		if reply, err = c.token(string(message)); err == nil {
			done, message, err = peer.Challenge([]byte(reply))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	ask[*kmsg.MetadataResponse](c, kmsg.NewPtrMetadataRequest())

	for name, message := range map[string]string{"wrong": "\x00alice\x00b", "empty": "", "large": strings.Repeat("x", maxUnknownBytes+1)} {
		c = d.dial()
		ask[*kmsg.SASLHandshakeResponse](c, handshake(0, "PLAIN"))
		if reply, err := c.token(message); err == nil {
			t.Errorf("%s: got %q", name, reply)
		}
	}
}

func TestBadMessagesFailTheAuthentication(t *testing.T) {
	s := start(t)
	s.user("alice", "a")
	d := s.guarded(nil, auth.Mechanisms()...)
	for _, m := range auth.Mechanisms() {
		for _, message := range []string{"", "\x00", "garbage", "n,,n=alice", "\x00alice\x00", strings.Repeat("\xff", 1000)} {
			c := d.dial()
			ask[*kmsg.SASLHandshakeResponse](c, handshake(1, string(m)))
			resp := ask[*kmsg.SASLAuthenticateResponse](c, authenticate(0, message))
			if resp.ErrorCode != kerr.SaslAuthenticationFailed.Code || resp.ErrorMessage == nil || len(resp.SASLAuthBytes) != 0 {
				t.Errorf("%s, %q: %+v", m, message, resp)
			}
			c.closed()
		}
	}
}

// within runs f in a bubble, with a broker that has the user alice with the
// password a, and a dialer of its guarded listener.
func within(t *testing.T, f func(s *server, dial func() net.Conn), change ...func(*Config)) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		l, err := log.Open(log.Config{FS: fs, Dir: "/data"})
		if err != nil {
			t.Fatal(err)
		}
		cfg := Config{Log: l, NodeID: 1}
		for _, c := range change {
			c(&cfg)
		}
		b, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			b.Close()
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
		s := &server{Broker: b, t: t, log: l, fs: fs}
		c, err := auth.NewCredential(auth.ScramSHA256, "a", auth.MinIterations)
		if err == nil {
			err = b.store.AlterUsers(func(*auth.Users) map[string]auth.Credentials {
				return map[string]auth.Credentials{"alice": {auth.ScramSHA256: c}}
			})
		}
		if err != nil {
			t.Fatal(err)
		}
		f(s, func() net.Conn {
			client, server := net.Pipe()
			go b.ServeConn(context.Background(), server, ListenerInfo{AdvertisedHost: "h", AdvertisedPort: 1, SASL: auth.Mechanisms()})
			return client
		})
	})
}

func TestFailuresAreAnsweredLate(t *testing.T) {
	within(t, func(s *server, dial func() net.Conn) {
		for user, password := range map[string]string{"alice": "b", "nobody": "a"} {
			c := &raw{t: s.t, Conn: dial()}
			began := time.Now()
			if resp := c.login(user, password); resp.ErrorCode != kerr.SaslAuthenticationFailed.Code {
				t.Errorf("got %+v", resp)
			}
			if took := time.Since(began); took != 100*time.Millisecond {
				t.Errorf("%s is answered after %v", user, took)
			}
			c.closed()
		}
	})
}

func TestHalfAHandshakeIsNotWaitedForWithoutEnd(t *testing.T) {
	within(t, func(s *server, dial func() net.Conn) {
		for name, reqs := range map[string][]kmsg.Request{
			"nothing":  nil,
			"versions": {kmsg.NewPtrApiVersionsRequest()},
			"begun":    {handshake(1, "SCRAM-SHA-256"), authenticate(2, "n,,n=alice,r=x")},
			"bare":     {handshake(0, "SCRAM-SHA-256")},
		} {
			c := &raw{t: s.t, Conn: dial()}
			began := time.Now()
			for _, req := range reqs {
				time.Sleep(5 * time.Second) // each has time, all together have not
				ask[kmsg.Response](c, req)
			}
			c.closed()
			if took := time.Since(began); took != 30*time.Second {
				t.Errorf("%s: closed after %v", name, took)
			}
		}
		synctest.Wait()
		if n := testutil.ToFloat64(s.metrics.connectionErrors.WithLabelValues("unauthenticated")); n != 4 {
			t.Errorf("%v are counted", n)
		}
	})
}

func TestSessionsEndUnlessTheyAreRenewed(t *testing.T) {
	within(t, func(s *server, dial func() net.Conn) {
		renewing, lazy := &raw{t: s.t, Conn: dial()}, &raw{t: s.t, Conn: dial()}
		for _, c := range []*raw{renewing, lazy} {
			if resp := c.login("alice", "a"); resp.ErrorCode != 0 || resp.SessionLifetimeMillis != 60_000 {
				t.Fatalf("got %+v", resp)
			}
		}
		for range 3 {
			time.Sleep(59 * time.Second)
			if resp := renewing.login("alice", "a"); resp.ErrorCode != 0 || resp.SessionLifetimeMillis != 60_000 {
				t.Fatalf("got %+v", resp)
			}
		}
		ask[*kmsg.MetadataResponse](renewing, kmsg.NewPtrMetadataRequest())
		lazy.Write(bytesOf(kmsg.NewPtrMetadataRequest())) // which fails, for it is not read to its end
		lazy.closed()
		synctest.Wait()
		if n := testutil.ToFloat64(s.metrics.connectionErrors.WithLabelValues("session_expired")); n != 1 {
			t.Errorf("%v expired sessions are counted", n)
		}
		// A session that has ended can still be renewed, but not by another user.
		time.Sleep(5 * time.Minute)
		if resp := renewing.login("alice", "a"); resp.ErrorCode != 0 {
			t.Errorf("got %+v", resp)
		}
		time.Sleep(time.Second)
		if resp := renewing.login("alice", "b"); resp.ErrorCode != kerr.SaslAuthenticationFailed.Code {
			t.Errorf("got %+v", resp)
		}
		renewing.closed()
	}, func(c *Config) { c.ConnectionsMaxReauth = time.Minute })
}

func TestFranzGoRenewsItsSessions(t *testing.T) {
	within(t, func(s *server, dial func() net.Conn) {
		dials := 0
		c, err := kgo.NewClient(kgo.SeedBrokers("h:1"), kgo.SASL(mechanism(auth.ScramSHA256, "alice", "a")),
			kgo.Dialer(func(context.Context, string, string) (net.Conn, error) { dials++; return dial(), nil }))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for range 20 {
			if _, err := kmsg.NewPtrMetadataRequest().RequestWith(context.Background(), c); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
		}
		if n := testutil.ToFloat64(s.metrics.authentications.WithLabelValues("SCRAM-SHA-256", "ok")); n < 4 || dials > 2 {
			t.Errorf("%v authentications on %d connections", n, dials)
		}
	}, func(c *Config) { c.ConnectionsMaxReauth = time.Minute })
}

func TestUsersOutliveTheBroker(t *testing.T) {
	s := start(t)
	s.user("alice", "a")
	s.user("bob", "b")
	s.stop()
	s = startOn(t, s.fs)
	d := s.guarded(nil, auth.Mechanisms()...)
	for _, m := range auth.Mechanisms() {
		if err := d.client(mechanism(m, "alice", "a")).Ping(t.Context()); err != nil {
			t.Errorf("%s: %v", m, err)
		}
	}
	if n := s.store.Users().Len(); n != 2 {
		t.Errorf("%d users", n)
	}
}

// Invariants: whatever an unknown client sends, the broker does not panic, ends
// the connection once the bytes have ended, and gives back all memory.
func FuzzUnknownClient(f *testing.F) {
	s := start(f, func(c *Config) { c.FailedAuthenticationDelay = -1 })
	info := ListenerInfo{SASL: auth.Mechanisms()}
	for _, m := range auth.Mechanisms() {
		for v := range int16(2) {
			begun := bytesOf(handshake(v, string(m)))
			f.Add(begun)
			f.Add(append(slices.Clone(begun), bytesOf(authenticate(2, "n,,n=alice,r=x"))...))
			f.Add(append(slices.Clone(begun), "\x00\x00\x00\x08\x00alice\x00a"...))
		}
	}
	f.Add(bytesOf(kmsg.NewPtrApiVersionsRequest()))
	f.Add(bytesOf(kmsg.NewPtrMetadataRequest()))
	f.Fuzz(func(t *testing.T, b []byte) {
		client, server := net.Pipe()
		done := make(chan struct{})
		go func() {
			s.ServeConn(context.Background(), server, info)
			close(done)
		}()
		go io.Copy(io.Discard, client)
		client.Write(b)
		client.Close()
		<-done
		if n := testutil.ToFloat64(s.metrics.connectionErrors.WithLabelValues("internal")); n != 0 {
			t.Fatal("an unknown client made the broker panic")
		}
		waitFor(t, func() bool {
			s.budget.mu.Lock()
			defer s.budget.mu.Unlock()
			return s.budget.mu.free == s.cfg.QueuedRequestBytes
		}, "memory is still charged")
	})
}
