package cloudevents

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/evidentlog/evident/internal/gateway/intake"
)

// answers are the lines that answer a stream.
type answers struct {
	w       http.ResponseWriter
	control *http.ResponseController
	topic   string
	each    bool // also of events that were written

	text            []byte // not written to w yet
	written, failed int
}

func newAnswers(w http.ResponseWriter, control *http.ResponseController, topic string, each bool) *answers {
	return &answers{w: w, control: control, topic: topic, each: each}
}

// A summary is the last line.
type summary struct {
	Written int    `json:"written"`
	Failed  int    `json:"failed"`
	Status  int    `json:"status,omitempty"` // why it ended before the stream did
	Detail  string `json:"detail,omitempty"`
}

// all answers groups until there are no more, or nobody takes the answers.
func (a *answers) all(groups <-chan *group) {
	a.w.Header().Set("Content-Type", ContentTypeLines)
	a.w.Header().Set("Cache-Control", "no-store")
	a.w.WriteHeader(http.StatusAccepted)
	if a.flush() != nil {
		return
	}
	for g := range groups {
		a.group(g)
		if g.last != nil {
			a.end(g.last)
		}
		if len(groups) > 0 && len(a.text) < groupBytes {
			continue // answered together with the next
		}
		if a.flush() != nil {
			return
		}
	}
}

// group appends the answers to a group's lines, in their order.
func (a *answers) group(g *group) {
	outcomes := a.outcomes(g)
	slices.SortFunc(g.bad, func(x, y Bad) int { return cmp.Compare(x.Index, y.Index) })
	for i := range g.events {
		for len(g.bad) > 0 && g.bad[0].Index < g.indexes[i] {
			a.bad(g.bad[0])
			g.bad = g.bad[1:]
		}
		switch {
		case g.err != nil:
			a.bad(badOf(g.indexes[i], g.err))
		case outcomes[i].Err != nil:
			a.bad(badOf(g.indexes[i], outcomes[i].Err))
		default:
			a.written++
			if a.each {
				a.text = append(appendPlace(a.text, g.indexes[i], &g.events[i], a.topic, outcomes[i]), '\n')
			}
		}
	}
	for _, bad := range g.bad {
		a.bad(bad)
	}
}

// outcomes waits for what becomes of a group. If that is not known in time, it is the
// group's error.
func (a *answers) outcomes(g *group) []intake.Outcome {
	if g.flight == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), intake.DefaultPatience)
	defer cancel()
	var outcomes []intake.Outcome
	outcomes, g.err = g.flight.Wait(ctx)
	return outcomes
}

func (a *answers) bad(b Bad) {
	a.failed++
	a.json(b)
}

// end appends the last line.
func (a *answers) end(why error) {
	s := summary{Written: a.written, Failed: a.failed}
	if !errors.Is(why, io.EOF) || errors.Is(why, io.ErrUnexpectedEOF) {
		s.Status, s.Detail = statusOf(why), fmt.Sprintf("the stream ends here: %v", why)
	}
	a.json(s)
}

func (a *answers) json(v any) {
	text, err := json.Marshal(v)
	if err != nil {
		text = []byte(`{}`) // structs of numbers and strings always have a form
	}
	a.text = append(append(a.text, text...), '\n')
}

// flush writes what was appended, to a client that may rest for a while.
func (a *answers) flush() error {
	_ = a.control.SetWriteDeadline(time.Now().Add(streamPatience)) // some writers of tests have none
	_, err := a.w.Write(a.text)
	a.text = a.text[:0]
	return errors.Join(err, a.control.Flush())
}
