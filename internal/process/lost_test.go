package process_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/process/standby"
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
func (h *house) standing(s *process.Service) error {
	h.Helper()
	for end := time.Now().Add(h.patience); time.Now().Before(end); time.Sleep(time.Second) {
		if run, ok := s.Find("lost", 1); ok && errors.Is(run.Trouble(), standby.ErrLost) {
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
				why := h.standing(s).Error()
				for _, part := range []string{c.want, lostChangelog, "evident processor reset lost --version 1 --state discard"} {
					if !strings.Contains(why, part) {
						t.Errorf("it says %q, and not %q", why, part)
					}
				}
				time.Sleep(time.Minute)
				h.standing(s)
				h.produce("out", "end")
				h.once(h.read("out", 3), []string{"a=1", "b=1", "end"})
			})
		})
	}
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
