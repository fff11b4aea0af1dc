package monitor

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/internal/vfs/vfstest"
	"github.com/evidentlog/evident/proof"
)

// within runs a test where time passes at once.
func within(t *testing.T, f func(t *testing.T)) { t.Helper(); synctest.Test(t, f) }

func TestAnHonestLogIsFollowed(t *testing.T) {
	within(t, func(t *testing.T) {
		n := newNode(t)
		w := follow(t, n)
		w.good() // empty
		for i := range 60 {
			n.produce(origin(i%3, 0), 1+i*i%300, "order")
			if i%10 == 7 {
				w.good()
			}
		}
		w.good()
		w.reopen()
		n.head("evident/later/v9", n.treeHead(origin(1, 0)), "what nobody knows yet")
		n.produce(origin(1, 0), 1, "order")
		w.good()
		if len(w.events) > 0 || w.state.read != 62 || w.state.trees[origin(1, 0)].Checkpoint != n.treeHead(origin(1, 0)) {
			t.Errorf("%+v, %+v", w.events, w.state)
		}
	})
}

// other history: what a rewritten log shows from its backup on.
func rewritten(backup *node, entries int) *node {
	n := backup.clone()
	for range entries {
		n.produce(origin(0, 0), 3, "other order")
	}
	return n
}

func TestARewrittenLogIsAForkWithEvidenceForAnybody(t *testing.T) {
	within(t, func(t *testing.T) {
		n := newNode(t)
		n.produce(origin(0, 0), 100, "order")
		backup := n.clone()
		w := follow(t, n)
		for range 20 {
			n.produce(origin(0, 0), 10, "order")
		}
		w.good()
		before := n.signed()
		w.reopen() // what was seen is on disk
		w.node = rewritten(backup, 50)
		e := w.alarm(Fork, "was rewritten")
		trust := proof.Trust{Keys: n.keys()}
		older, err1 := trust.Open(w.evidence(e, olderFile))
		newer, err2 := trust.Open(w.evidence(e, newerFile))
		if err := errors.Join(err1, err2); err != nil || older.Size != 21 || newer.Size != 51 {
			t.Fatalf("%v, %+v, %+v", err, older, newer)
		}
		checkPath(t, w.evidence(e, pathFile), older.Checkpoint, newer.Checkpoint)
		if body, _, _ := strings.Cut(before, "\n\n"); !strings.HasPrefix(w.evidence(e, olderFile), body) {
			t.Error("not the checkpoint that was seen")
		}
		w.reopen()
		w.alarm(Fork, "was rewritten") // again, until somebody has looked at it
	})
}

// checkPath checks a path as somebody else would, by docs/format/monitor.md.
func checkPath(t *testing.T, text string, older, newer proof.Checkpoint) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	hash := func(s string) (h tlog.Hash) {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil || len(b) != len(h) {
			t.Fatalf("%q is no hash", s)
		}
		return tlog.Hash(b)
	}
	other := hash(strings.TrimPrefix(lines[3], "other "))
	var path tlog.TreeProof
	for _, line := range lines[4:] {
		path = append(path, hash(line))
	}
	if err := tlog.CheckTree(path, newer.Size, newer.Root, older.Size, other); err != nil || other == older.Root {
		t.Errorf("%v; other root %v, signed %v", err, other, older.Root)
	}
}

func TestALogThatWasSetBackIsARollback(t *testing.T) {
	within(t, func(t *testing.T) {
		n := newNode(t)
		n.produce(origin(0, 0), 1, "order")
		backup := n.clone()
		w := follow(t, n)
		n.produce(origin(0, 0), 1, "order")
		w.good()
		w.node = backup
		e := w.alarm(Rollback, "of size 2, and now answers with one of size 1")
		if w.evidence(e, olderFile) == w.evidence(e, newerFile) {
			t.Error("the evidence is the same note twice")
		}
	})
}

func TestTwoRootsOfOneSizeAreAFork(t *testing.T) {
	within(t, func(t *testing.T) {
		n := newNode(t)
		w := follow(t, n)
		backup := n.clone()
		n.produce(origin(0, 0), 1, "order")
		w.good()
		w.node = rewritten(backup, 1)
		w.alarm(Fork, "at size 1")
	})
}

func TestAnOldCheckpointOfACacheIsNoRollback(t *testing.T) {
	within(t, func(t *testing.T) {
		n := newNode(t)
		n.produce(origin(0, 0), 1, "order")
		old := n.signed()
		n.produce(origin(0, 0), 1, "order")
		w := follow(t, n)
		w.good()
		stale := 2
		n.alter = func(path string, body []byte) []byte {
			if stale--; stale >= 0 && strings.HasSuffix(path, "/checkpoint") {
				return []byte(old)
			}
			return body
		}
		w.good()
	})
}

func TestATreeRewrittenUnderItsHeadsIsAFork(t *testing.T) {
	within(t, func(t *testing.T) {
		n := newNode(t)
		n.produce(origin(1, 0), 700, "order")
		w := follow(t, n)
		w.good()
		n.trees[origin(1, 0)] = nil
		n.produce(origin(1, 0), 900, "other order")
		e := w.alarm(Fork, "does not continue that of size 700 in entry 0")
		if e.Subject != origin(1, 0) {
			t.Errorf("about %s", e.Subject)
		}
		var heads []proof.Checkpoint
		for _, name := range []string{olderHead, newerHead} {
			p, err := proof.ParseInclusion(w.evidence(e, name))
			if err != nil {
				t.Fatal(err)
			}
			trust := proof.Trust{Keys: n.keys()}
			c, err := trust.Open(p.Signed)
			if err == nil {
				err = tlog.CheckRecord(p.Path, c.Size, c.Root, p.Index, tlog.RecordHash(p.Extra))
			}
			entry, err2 := proof.ParseRootEntry(p.Extra)
			if err := errors.Join(err, err2); err != nil {
				t.Fatal(err)
			}
			heads = append(heads, entry.Checkpoint)
		}
		checkPath(t, w.evidence(e, pathFile), heads[0], heads[1])
	})
}

func TestATreeAlteredUnderAnHonestRootIsFound(t *testing.T) {
	within(t, func(t *testing.T) {
		n := newNode(t)
		n.produce(origin(1, 0), 700, "order")
		n.trees[origin(1, 0)][300] = []byte("another order")
		w := follow(t, n)
		if e := w.alarm(Altered, "do not lead to its checkpoint of size 700"); e.Subject != origin(1, 0) {
			t.Errorf("about %s", e.Subject)
		}
	})
}

func TestARootLogWhoseEntriesAreAlteredIsFound(t *testing.T) {
	within(t, func(t *testing.T) {
		n := newNode(t)
		n.produce(origin(1, 0), 1, "order")
		n.alter = func(path string, body []byte) []byte {
			if strings.Contains(path, "/root/tile/entries/") {
				body[len(body)-3] ^= 1
			}
			return body
		}
		follow(t, n).alarm(Altered, "entry 0 of example.com/events is not the one")
	})
}

func TestHeadsThatContradictEachOtherAreFound(t *testing.T) {
	here := origin(1, 0)
	for name, tc := range map[string]struct {
		do   func(*node)
		kind string
		want string
	}{
		"another root for the tree": {func(n *node) {
			c := n.treeHead(here)
			c.Size, c.Root[0] = c.Size+1, 1
			n.trees[here] = append(n.trees[here], []byte("x"))
			n.head(proof.HeadEntry, c)
		}, Altered, "do not lead"},
		"another root at the same size": {func(n *node) {
			c := n.treeHead(here)
			c.Root[0] ^= 1
			n.head(proof.HeadEntry, c)
		}, Fork, "does not continue"},
		"a smaller size": {func(n *node) {
			n.trees[here] = n.trees[here][:3]
			n.head(proof.HeadEntry, n.treeHead(here))
		}, Rollback, "was set back: entry 0 of the root log gives it size 5, and entry 1 size 3"},
		"a head after the end": {func(n *node) {
			n.head(proof.ClosedEntry, n.treeHead(here), "reason topic deleted")
			n.produce(here, 1, "order")
		}, Violation, "closed by an entry before it"},
		"a time that runs backward": {func(n *node) {
			n.clock = -1
			n.produce(here, 1, "order")
		}, Violation, "its time is 0"},
		"a generation that nobody ended": {func(n *node) { n.produce(origin(1, 1), 1, "order") }, Violation, "generation 1 begins"},
		"a tree of others": {func(n *node) {
			n.head(proof.HeadEntry, proof.Checkpoint{Origin: "example.org/x/y/1/0", Size: 1})
		}, Violation, "not one of example.com/events"},
		"an entry out of form": {func(n *node) { n.root = append(n.root, []byte("evident/head/v1\n")) }, Violation, "five or more"},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, func(t *testing.T) {
				n := newNode(t)
				n.produce(here, 5, "order")
				w := follow(t, n)
				w.good()
				tc.do(n)
				w.alarm(tc.kind, tc.want)
				w.reopen()
				w.alarm(tc.kind, tc.want)
			})
		})
	}
}

func TestAGenerationThatEndsIsAnAlarmAndNoFork(t *testing.T) {
	within(t, func(t *testing.T) {
		n := newNode(t)
		n.produce(origin(1, 0), 5, "order")
		w := follow(t, n)
		w.good()
		n.head(proof.ClosedEntry, n.treeHead(origin(1, 0)), "reason truncated to 3")
		n.head(proof.ErasedEntry, n.treeHead(origin(1, 0)), "offsets 2", "by admin")
		n.produce(origin(1, 1), 2, "order")
		w.broken = errors.New("nobody is there")
		w.passing("nobody is there") // not done before it was told
		w.broken = nil
		w.reopen()
		w.good()
		w.good()
		if len(w.events) != 1 || w.events[0].Type != Closed || w.events[0].Data.Reason != "truncated to 3" || w.events[0].Subject != origin(1, 0) {
			t.Errorf("told %+v", w.events)
		}
	})
}

func TestAnEventIsACloudEvent(t *testing.T) {
	e := Event{ID: "1", Source: testOrigin, Type: Fork, Subject: testOrigin, Time: time.Unix(1, 0), Data: Data{Message: "x", Size: 3}}
	b, err := json.Marshal(e)
	want := `{"specversion":"1.0","id":"1","source":"example.com/events","type":"evident.monitor.fork","subject":"example.com/events",` +
		`"time":"1970-01-01T00:00:01Z","datacontenttype":"application/json","data":{"message":"x","size":3}}`
	if err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
}

func TestNetworkErrorsAreNoAlarmUntilTheyLast(t *testing.T) {
	within(t, func(t *testing.T) {
		n := newNode(t)
		n.produce(origin(1, 0), 5, "order")
		w := follow(t, n)
		w.good()
		n.fail.Store(http.StatusBadGateway)
		w.passing("502")
		time.Sleep(DefaultStalledAfter - time.Second)
		w.passing("502")
		n.fail.Store(0)
		n.produce(origin(1, 0), 5, "order")
		w.good()
		n.fail.Store(http.StatusBadGateway)
		w.passing("502")
		time.Sleep(DefaultStalledAfter)
		w.alarm(Stalled, "502")
	})
}

func TestASignatureThatStaysWrongIsAStall(t *testing.T) {
	within(t, func(t *testing.T) {
		n := newNode(t)
		w := follow(t, n)
		w.good()
		n.signers = n.signers[:1]
		w.passing("not signed by the ML-DSA-44 key")
		time.Sleep(DefaultStalledAfter)
		w.alarm(Stalled, "not signed by the ML-DSA-44 key")
	})
}

func TestAQuietLogIsNotStalledAndAFrozenOneIs(t *testing.T) {
	within(t, func(t *testing.T) {
		n := newNode(t)
		n.produce(origin(1, 0), 5, "order")
		w := follow(t, n)
		for range 10 {
			w.good() // signed anew each time
			time.Sleep(time.Minute)
		}
		frozen := n.signed()
		n.alter = func(path string, body []byte) []byte {
			if strings.HasSuffix(path, "/checkpoint") {
				return []byte(frozen)
			}
			return body
		}
		w.good()
		w.good()
		time.Sleep(DefaultStalledAfter)
		w.alarm(Stalled, "neither grown nor been signed again")
	})
}

func TestALogThatMustGrowIsStalledWhenItDoesNot(t *testing.T) {
	within(t, func(t *testing.T) {
		n := newNode(t)
		w := follow(t, n, func(c *Config) { c.Growing = true })
		w.good()
		time.Sleep(DefaultStalledAfter)
		w.alarm(Stalled, "does not grow")
	})
}

func TestWithoutATimeInSignaturesEachAnswerIsLife(t *testing.T) {
	within(t, func(t *testing.T) {
		n := newNode(t)
		w := follow(t, n, func(c *Config) { c.Keys = c.Keys[:1] })
		for range 3 {
			w.good()
			time.Sleep(2 * DefaultStalledAfter)
		}
	})
}

func TestRunGoesOnUntilAnAlarm(t *testing.T) {
	within(t, func(t *testing.T) {
		n := newNode(t)
		w := follow(t, n)
		ended := make(chan error, 1)
		go func() { ended <- w.Run(t.Context()) }()
		time.Sleep(time.Minute)
		n.fail.Store(http.StatusBadGateway)
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(ended) > 0 {
			t.Fatal(<-ended)
		}
		var a *Alarm
		if err := <-ended; !errors.As(err, &a) || a.Type != Stalled {
			t.Error(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		go func() { ended <- w.Run(ctx) }()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestTheFirstKeysAreBelievedAndKept(t *testing.T) {
	within(t, func(t *testing.T) {
		n := newNode(t)
		none := func(c *Config) { c.Keys = nil }
		w := follow(t, n, none)
		w.good()
		w.reopen(none)
		w.good()
		if len(w.notices) != 1 || !strings.Contains(w.notices[0], fmt.Sprintf("%08x (ML-DSA-44)", n.keys()[1].KeyHash())) {
			t.Errorf("told %q", w.notices)
		}
		n.signers = n.signers[1:]
		w.reopen(none)
		w.passing("Ed25519")
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(w.config()); !errors.Is(err, ErrOtherKeys) {
			t.Error(err)
		}
	})
}

func TestAQuorumIsAskedFor(t *testing.T) {
	within(t, func(t *testing.T) {
		n := newNode(t)
		w1, err := proof.NewVerifier("w1.example", proof.Ed25519Cosignature, make([]byte, ed25519.PublicKeySize))
		if err != nil {
			t.Fatal(err)
		}
		policy, err := proof.ParsePolicy(fmt.Sprintf("witness one %v\nquorum one\n", w1))
		if err != nil {
			t.Fatal(err)
		}
		follow(t, n, func(c *Config) { c.Policy = policy }).passing("quorum")
	})
}

func TestOneMonitorUsesAFolder(t *testing.T) {
	w := follow(t, newNode(t))
	if _, err := Open(w.config()); !errors.Is(err, ErrUsed) {
		t.Error(err)
	}
}

func TestFromNowOnOldEntriesAreNotRead(t *testing.T) {
	within(t, func(t *testing.T) {
		n := newNode(t)
		n.produce(origin(1, 3), 5, "order")
		w := follow(t, n, func(c *Config) { c.FromNow = true })
		w.good()
		n.produce(origin(1, 3), 5, "order")
		w.good()
		if w.state.from != 1 || w.state.read != 2 || len(w.state.trees) != 1 {
			t.Errorf("%+v", w.state)
		}
	})
}

func TestALogOfOthersIsFollowedByItsHistoryAlone(t *testing.T) {
	within(t, func(t *testing.T) {
		n := newNode(t)
		n.root = [][]byte{[]byte("evident/head/v1\nnot ours"), {0xff}}
		w := follow(t, n)
		at := func(c *Config) { c.RootOnly, c.Site = true, w.site("http://example.com/ledger/root/") }
		w.reopen(at)
		w.good()
		backup := n.clone()
		n.root = append(n.root, []byte("third"))
		w.good()
		backup.root = append(backup.root, []byte("another"), []byte("more"))
		w.node = backup
		w.alarm(Fork, "was rewritten")
	})
}

// What the power takes at any moment: after it, an honest log goes on without an
// alarm, and a history other than the one that was seen is a fork.
func TestWhatWasSeenSurvivesAPowerCut(t *testing.T) {
	for _, cut := range vfstest.Cuts() {
		t.Run(cut.Name, func(t *testing.T) {
			for at := 0; cutAt(t, cut, at); at++ {
			}
		})
	}
}

// cutAt takes the power at operation at. It returns false if all was over before.
func cutAt(t *testing.T, cut vfstest.Cut, at int) (more bool) {
	within(t, func(t *testing.T) {
		n := newNode(t)
		n.signers = n.signers[:1] // quick
		n.produce(origin(0, 0), 3, "order")
		backup := n.clone()
		w := follow(t, n)
		w.good()
		mem := w.fs.(*vfs.Mem)
		n.produce(origin(0, 0), 3, "order")
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		w.Monitor = nil
		w.fs = vfs.NewFaulty(mem, cut.Hook(at))
		var err error
		if w.Monitor, err = Open(w.config()); err == nil {
			err = w.Once(t.Context())
		}
		more = err != nil
		crashed := mem.Crash(cut.Keep(at))
		for name, next := range map[string]*node{"honest": n.clone(), "rewritten": rewritten(newNode(t), 5), "set back": rewritten(backup, 0)} {
			survivor := &watch{t: t, node: next, fs: crashed.Crash(vfs.KeepAll)}
			survivor.node.signers = n.signers
			survivor.reopen()
			seen := survivor.state.signs().size
			err := survivor.Once(t.Context())
			wantAlarm := name == "rewritten" || name == "set back" && (seen > 1 || !more)
			var a *Alarm
			if errors.As(err, &a) != wantAlarm || err != nil && !wantAlarm {
				t.Fatalf("cut at %d, then %s: %v", at, name, err)
			}
			if seen < 1 || !more && seen < 2 {
				t.Fatalf("cut at %d: a checkpoint of size %d is all that is known", at, seen)
			}
		}
	})
	return more
}

// Invariants: nothing panics; what is read is written the same.
func FuzzDecodeState(f *testing.F) {
	s := &state{origin: testOrigin, keys: []string{"k"}, stamp: 1, seen: []string{"note"}, trees: map[string]tree{
		origin(1, 0): {proof.Checkpoint{Origin: origin(1, 0), Size: 3, Root: proof.Hash{1}}, 2, true},
	}}
	f.Add(strings.Join(s.encode(), "\n"))
	f.Fuzz(func(t *testing.T, text string) {
		s, err := decode(strings.Split(text, "\n"))
		if err != nil {
			return
		}
		again, err := decode(s.encode())
		if err != nil || !reflect.DeepEqual(again, s) {
			t.Errorf("%+v is read back as %+v, %v", s, again, err)
		}
	})
}

func TestAStateThatWasAlteredIsRefused(t *testing.T) {
	within(t, func(t *testing.T) {
		w := follow(t, newNode(t))
		w.good()
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		f, err := w.fs.Open("/data/monitor/state", vfs.Write)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte("x"), 40); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(w.config()); err == nil || !strings.Contains(fmt.Sprint(err), "another folder") {
			t.Error(err)
		}
	})
}
