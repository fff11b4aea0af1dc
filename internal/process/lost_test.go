package process_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/process/standby"
	"github.com/evidentlog/evident/internal/vfs"
)

const lostChangelog = "evident-process.lost.1.changelog"

// remove deletes the changelog, or its records up to an offset.
func (h *house) remove(upTo int64) {
	h.Helper()
	adm := kadm.NewClient(h.client)
	if upTo > 0 {
		set := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "cleanup.policy", Value: kadm.StringPtr("compact,delete")}}
		if got, err := adm.AlterTopicConfigs(h.Context(), set, lostChangelog); err != nil || got[0].Err != nil {
			h.Fatal(err, got)
		}
		offsets := kadm.Offsets{}
		offsets.AddOffset(lostChangelog, 0, upTo, -1)
		if got, err := adm.DeleteRecords(h.Context(), offsets); err != nil || got.Error() != nil {
			h.Fatal(err, got.Error())
		}
		return
	}
	if got, err := adm.DeleteTopics(h.Context(), lostChangelog); err != nil || got.Error() != nil {
		h.Fatal(err, got.Error())
	}
}

func (h *house) makeChangelog() {
	h.Helper()
	compacted := map[string]*string{"cleanup.policy": kadm.StringPtr("compact")}
	if _, err := kadm.NewClient(h.client).CreateTopic(h.Context(), 1, 1, compacted, lostChangelog); err != nil {
		h.Fatal(err)
	}
}

// standing waits until a version stands still, and says why.
func (h *house) standing(s *process.Service, why error) error {
	h.Helper()
	for end := time.Now().Add(h.patience); time.Now().Before(end); time.Sleep(time.Second) {
		if run, ok := s.Find("lost", 1); ok && errors.Is(run.Trouble(), why) {
			return run.Trouble()
		}
	}
	h.Fatal("it does not stand still")
	return nil
}

// Going on from the positions with an empty state would give counts that are wrong and
// look right.
func TestAVersionWhoseChangelogIsGoneStandsStillAndSaysSo(t *testing.T) {
	for name, c := range map[string]struct {
		running bool
		harm    func(*house)
		want    string
	}{
		"deleted while it is down":            {false, func(h *house) { h.remove(0) }, "was deleted"},
		"deleted while it runs":               {true, func(h *house) { h.remove(0) }, "was deleted"},
		"made anew while it is down":          {false, func(h *house) { h.remove(0); h.makeChangelog() }, "made anew"},
		"made anew while it runs":             {true, func(h *house) { h.remove(0); h.makeChangelog() }, "made anew"},
		"its records removed while it's down": {false, func(h *house) { h.remove(3) }, "before offset 3"},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, 1, func(h *house) {
				s := h.service()
				stop := h.run(s, counter("lost"))
				h.produce("in", "a", "b")
				h.read("out", 2)
				if !c.running {
					stop()
				}
				c.harm(h)
				if !c.running {
					s = h.service() // on another disk
					h.run(s, counter("lost"))
				}
				h.produce("in", "a", "b")
				why := h.standing(s, standby.ErrLost).Error()
				for _, part := range []string{c.want, lostChangelog, "evident processor reset lost --version 1 --state discard"} {
					if !strings.Contains(why, part) {
						t.Errorf("it says %q, and not %q", why, part)
					}
				}
				time.Sleep(time.Minute)
				h.standing(s, standby.ErrLost)
				h.produce("out", "end")
				h.once(h.read("out", 3), []string{"a=1", "b=1", "end"})
			})
		})
	}
}

// What is left of an input that was cut back has been handled: from its start it would count
// twice.
func TestAVersionWhoseInputWasCutBackStandsStillAndSaysSo(t *testing.T) {
	virtual(t, 1, func(h *house) {
		stop := h.run(h.service(), counter("lost"))
		h.produce("in", "a", "b")
		h.read("out", 2)
		stop()
		beyond := kadm.Offsets{}
		beyond.AddOffset("in", 0, 5, -1)
		if got, err := kadm.NewClient(h.client).CommitOffsets(h.Context(), "evident-process.lost.1", beyond); err != nil || got.Error() != nil {
			t.Fatal(err, got.Error())
		}
		s := h.service()
		h.run(s, counter("lost"))
		why := h.standing(s, process.ErrCutBack).Error()
		for _, part := range []string{`partition 0 of "in" ends at offset 2, and 5`, "evident processor reset lost --version 1 --state keep --to latest"} {
			if !strings.Contains(why, part) {
				t.Errorf("it says %q, and not %q", why, part)
			}
		}
		time.Sleep(time.Minute)
		h.standing(s, process.ErrCutBack)
		h.produce("out", "end")
		h.once(h.read("out", 3), []string{"a=1", "b=1", "end"})
	})
}

// A cluster drops the positions of a group that nobody was in for a week. To begin anew with
// the state that is kept would count everything twice.
func TestAVersionWhosePositionsAreGoneStandsStillAndSaysSo(t *testing.T) {
	for name, keep := range map[string]bool{"with a copy of the state": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			virtual(t, 2, func(h *house) {
				disk := vfs.NewMem()
				on := func(c *process.Config) {
					if keep {
						c.FS = disk
					}
				}
				stop := h.run(h.service(on), counter("lost"))
				h.produce("in", "a", "b")
				h.read("out", 2)
				stop()
				adm := kadm.NewClient(h.client)
				if got, err := adm.DeleteGroups(h.Context(), "evident-process.lost.1"); err != nil || got.Error() != nil {
					t.Fatal(err, got.Error())
				}
				s := h.service(on)
				stop = h.run(s, counter("lost"))
				why := h.standing(s, standby.ErrNoPositions).Error()
				for _, part := range []string{lostChangelog, "evident processor reset lost --version 1 --state keep --to"} {
					if !strings.Contains(why, part) {
						t.Errorf("it says %q, and not %q", why, part)
					}
				}
				time.Sleep(time.Minute)
				h.standing(s, standby.ErrNoPositions)
				stop()
				ends, err := adm.ListCommittedOffsets(h.Context(), "in")
				if err != nil {
					t.Fatal(err)
				}
				if err := adm.CommitAllOffsets(h.Context(), "evident-process.lost.1", ends.Offsets()); err != nil { // as a reset does
					t.Fatal(err)
				}
				h.run(h.service(on), counter("lost"))
				h.produce("in", "a", "b")
				h.once(h.read("out", 4), []string{"a=1", "b=1", "a=2", "b=2"})
			})
		})
	}
}

// A version without state has the node's word for it.
func TestAVersionWithoutStateWhosePositionsAreGoneStandsStillAndSaysSo(t *testing.T) {
	virtual(t, 2, func(h *house) {
		disk := vfs.NewMem()
		on := func(c *process.Config) { c.FS = disk }
		stop := h.run(h.service(on), identity("lost", 1))
		h.produce("in", numbers(0, 10)...)
		h.read("out", 10)
		stop()
		adm := kadm.NewClient(h.client)
		if got, err := adm.DeleteGroups(h.Context(), "evident-process.lost.1"); err != nil || got.Error() != nil {
			t.Fatal(err, got.Error())
		}
		s := h.service(on)
		stop = h.run(s, identity("lost", 1))
		why := h.standing(s, standby.ErrNoPositions).Error()
		for _, part := range []string{`of "in" was handled`, "evident processor reset lost --version 1 --to PLACE"} {
			if !strings.Contains(why, part) {
				t.Errorf("it says %q, and not %q", why, part)
			}
		}
		stop()
		ends, err := adm.ListCommittedOffsets(h.Context(), "in")
		if err != nil {
			t.Fatal(err)
		}
		if err := adm.CommitAllOffsets(h.Context(), "evident-process.lost.1", ends.Offsets()); err != nil { // as a reset does
			t.Fatal(err)
		}
		h.run(h.service(on), identity("lost", 1))
		h.produce("in", numbers(10, 20)...)
		h.once(h.read("out", 20), numbers(0, 20))
	})
}

// What is in it was never handled.
func TestAVersionWithoutStateBeginsAnInputThatIsMadeAnew(t *testing.T) {
	virtual(t, 1, func(h *house) {
		disk := vfs.NewMem()
		on := func(c *process.Config) { c.FS = disk }
		stop := h.run(h.service(on), identity("lost", 1))
		h.produce("in", "0")
		h.read("out", 1)
		stop()
		adm := kadm.NewClient(h.client)
		if got, err := adm.DeleteTopics(h.Context(), "in"); err != nil || got.Error() != nil {
			t.Fatal(err, got.Error())
		}
		if _, err := adm.CreateTopic(h.Context(), 1, 1, nil, "in"); err != nil {
			t.Fatal(err)
		}
		h.client = h.node.Client() // that does not know the one before
		h.run(h.service(on), identity("lost", 1))
		h.produce("in", "1", "2")
		h.once(h.read("out", 3), numbers(0, 3))
	})
}

// Its changelog has changes then, though no state, and its group no positions.
func TestAVersionWhoseFirstStepWasNeverCommittedBegins(t *testing.T) {
	virtual(t, 1, func(h *house) {
		hold := h.node.Inject(evidenttest.RequestFault{Client: "first", Requests: []kmsg.Key{kmsg.EndTxn}, Do: evidenttest.Hold})
		stop := h.run(h.service(func(c *process.Config) {
			c.Client = func(opts ...kgo.Opt) (*kgo.Client, error) { return h.dial(append(opts, kgo.ClientID("first"))...) }
		}), counter("lost"))
		h.produce("in", "a", "b")
		h.node.Await(evidenttest.Hit(hold, 1))
		stop()
		if n := h.changes(); n == 0 {
			t.Fatal("the changelog is empty: nothing is shown")
		}
		h.run(h.service(), counter("lost"))
		h.once(h.read("out", 2), []string{"a=1", "b=1"})
	})
}

// changes is where the changelog ends.
func (h *house) changes() int64 {
	h.Helper()
	ends, err := kadm.NewClient(h.client).ListEndOffsets(h.Context(), lostChangelog)
	if err != nil || ends.Error() != nil {
		h.Fatal(err, ends.Error())
	}
	end, _ := ends.Lookup(lostChangelog, 0)
	return end.Offset
}

// What it has handled of the other one is in its state, and in the group's positions.
func TestAVersionGoesOnWithoutOneOfItsInputs(t *testing.T) {
	virtual(t, 1, func(h *house) {
		p := counter("lost")
		p.Inputs = []string{"in", "more"}
		if _, err := kadm.NewClient(h.client).CreateTopics(h.Context(), 1, 1, nil, "more"); err != nil {
			t.Fatal(err)
		}
		stop := h.run(h.service(), p)
		h.produce("in", "a")
		h.read("out", 1)
		stop()
		p.Inputs = []string{"more"}
		h.run(h.service(), p)
		h.produce("more", "a")
		h.once(h.read("out", 2), []string{"a=1", "a=2"})
	})
}

// A group whose positions somebody has set before a version's first start has no marks.
func TestAVersionThatNeverRanHasNoStateToLose(t *testing.T) {
	virtual(t, 1, func(h *house) {
		h.produce("in", "a", "b", "c")
		at := kadm.Offsets{}
		at.AddOffset("in", 0, 1, -1)
		if _, err := kadm.NewClient(h.client).CommitOffsets(h.Context(), "evident-process.lost.1", at); err != nil {
			t.Fatal(err)
		}
		h.run(h.service(), counter("lost"))
		h.once(h.read("out", 2), []string{"b=1", "c=1"})
	})
}

// What is known of topics may be old on a broker: that is no record's fault.
func TestATopicThatIsMadeAnewTakesWhatComesAfter(t *testing.T) {
	virtual(t, 1, func(h *house) {
		h.run(h.service(), identity("anew", 1))
		h.produce("in", "0")
		h.read("out", 1)
		adm := kadm.NewClient(h.client)
		if _, err := adm.DeleteTopics(h.Context(), "out"); err != nil {
			t.Fatal(err)
		}
		if _, err := adm.CreateTopic(h.Context(), 1, 1, nil, "out"); err != nil {
			t.Fatal(err)
		}
		h.produce("in", "1", "2")
		h.once(h.read("out", 2), []string{"1", "2"})
		topics, err := adm.ListTopics(h.Context(), "dlq.anew")
		if err != nil || topics.Has("dlq.anew") {
			t.Errorf("dead letters: %v, %v", topics, err)
		}
	})
}
