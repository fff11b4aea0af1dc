package client_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/internal/ledger/witness"
	"github.com/evidentlog/evident/internal/ledger/witness/client"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// What one witness says of another history is signed by nobody: it takes as many
// as the policy's quorum, and none that has cosigned, to stop a start.
func TestOnlyAQuorumKeepsTheLogFromStarting(t *testing.T) {
	const patience = 30 * time.Second
	ahead := answers(409, "text/x.tlog.size", "1000000\n")
	inconsistent := answers(422, "text/plain", "no")
	synctest.Test(t, func(t *testing.T) {
		disk := newDisk(t)
		var honest []*witness.Witness
		var names = []string{"one.example", "two.example", "three.example"}
		for _, name := range names {
			honest = append(honest, newWitness(t, name, disk))
		}
		agree := func(i int) http.Handler { return honest[i].Handler() }
		for name, c := range map[string]struct {
			need    int
			by      []http.Handler // nil: cannot be reached
			refused bool
			ready   bool
			waits   bool
		}{
			"one of three, and two agree":            {2, []http.Handler{ahead, agree(1), agree(2)}, false, true, false},
			"one of three, and all are needed":       {3, []http.Handler{inconsistent, agree(1), agree(2)}, false, false, false},
			"one of three, and two are silent":       {2, []http.Handler{ahead, nil, nil}, false, true, true},
			"two of three":                           {2, []http.Handler{ahead, inconsistent, agree(2)}, true, false, false},
			"two of three, and one is silent":        {2, []http.Handler{ahead, ahead, nil}, true, false, false},
			"one of three, and one is enough":        {1, []http.Handler{ahead, agree(1), nil}, false, true, false},
			"one of three, alone, and one is enough": {1, []http.Handler{ahead, nil, nil}, true, false, false},
			"all are silent":                         {2, []http.Handler{nil, nil, nil}, false, true, false},
		} {
			to := peers{}
			for i, h := range c.by {
				if h != nil {
					to[names[i]] = h
				}
			}
			policy := policyOf(t, c.need, honest...)
			l, cl := opened(t, disk.Crash(vfs.KeepAll), policy, to, nil)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			before := time.Now()
			err := cl.Ask(ctx)
			cancel()
			if errors.Is(err, client.ErrAlarm) != c.refused || err != nil != c.refused {
				t.Errorf("%s: %v", name, err)
			}
			if waited := time.Since(before) >= patience; waited != c.waits {
				t.Errorf("%s: it took %v", name, time.Since(before))
			}
			if alarm := cl.Alarm(); !c.refused && (alarm == nil) != c.ready {
				t.Errorf("%s: and then the alarm is %v", name, alarm)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func opened(t *testing.T, disk vfs.FS, policy *proof.Policy, to http.RoundTripper, log *slog.Logger) (*ledger.Ledger, *client.Client) {
	t.Helper()
	l, err := ledger.Open(ledger.Config{FS: disk, Dir: "/data/ledger", Origin: testOrigin, Policy: policy})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{Log: l, Policy: policy, Transport: to, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	return l, c
}

// A late peer cannot be reached before a time.
type late struct {
	peers
	host string
	from time.Time
}

func (p late) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == p.host && time.Now().Before(p.from) {
		return nil, errors.New("no route to host")
	}
	return p.peers.RoundTrip(r)
}

// Those that are silent are asked again as long as an alarm is not decided.
func TestAWitnessThatComesLateDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newDisk(t)
		one, two := newWitness(t, "one.example", disk), newWitness(t, "two.example", disk)
		ahead := answers(409, "text/x.tlog.size", "1000000\n")
		to := late{peers{"one.example": ahead, "two.example": ahead}, "two.example", time.Now().Add(10 * time.Second)}
		l, c := opened(t, disk, policyOf(t, 2, one, two), to, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		before := time.Now()
		if err := c.Ask(ctx); !errors.Is(err, client.ErrAlarm) || time.Since(before) > 15*time.Second {
			t.Errorf("after %v: %v", time.Since(before), err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// A cosignature with a time that cannot be right counts, and people are told.
func TestAWitnessWithAWrongClockRaisesAnAlarm(t *testing.T) {
	for _, off := range []time.Duration{0, proof.ClockMargin, -proof.ClockMargin, proof.ClockMargin + 2*time.Second, -proof.ClockMargin - 2*time.Second, 1000 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			disk := newDisk(t)
			w := newWitnessAt(t, "one.example", disk, func() time.Time { return time.Now().Add(off) })
			var log bytes.Buffer
			l, c := opened(t, disk, policyOf(t, 1, w), peers{"one.example": w.Handler()}, slog.New(slog.NewTextHandler(&log, nil)))
			if err := c.Ask(t.Context()); err != nil {
				t.Fatal(err)
			}
			wrong := off.Abs() > proof.ClockMargin
			if told := strings.Contains(log.String(), "the clock of a witness is far off"); told != wrong {
				t.Errorf("off by %v: %s", off, log.String())
			}
			if size := l.CosignedSize(w.Keys()[1]); size != l.Size() {
				t.Errorf("off by %v: it has cosigned %d of %d", off, size, l.Size())
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
