package standby

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/evidentlog/evident/internal/process/state"
)

// ErrLost says that the changelog is not the one any more that the positions belong to: it
// was deleted, made anew or cut back, and the state that it had is gone. To go on from the
// positions with what is left would give results that are wrong and look right.
var ErrLost = errors.New("the state is lost")

// ErrNoPositions says that the changelog has state of a task, and the group has no position
// of it any more: where to go on is not known, and to begin anew with that state would count
// twice what is in it.
var ErrNoPositions = errors.New("the positions are lost")

// Positions are what is known of those of a task.
type Positions struct {
	// Marks are theirs.
	Marks []Mark
	// None: the group has none.
	None bool
}

// A Mark is committed with each position (docs/format/processor-group.md), and says which
// state belongs to it.
type Mark struct {
	// Changelog is the id of the changelog's topic.
	Changelog [16]byte
	// Next is an offset of the task's partition that the changelog has reached.
	Next int64
	// Discarded: the state was discarded with this changelog, and is that of another one.
	Discarded bool
}

const (
	markKept      = "changelog:"
	markDiscarded = "discarded:"
)

// String is the mark as it is committed.
func (m Mark) String() string {
	id := hex.EncodeToString(m.Changelog[:])
	if m.Discarded {
		return markDiscarded + id
	}
	return markKept + id + ":" + strconv.FormatInt(m.Next, 10)
}

// ParseMark reads a mark; ok is false of a text that is none.
func ParseMark(text string) (m Mark, ok bool) {
	id, ok := strings.CutPrefix(text, markDiscarded)
	if m.Discarded = ok; !ok {
		var next string
		var err error
		if id, ok = strings.CutPrefix(text, markKept); !ok {
			return Mark{}, false
		}
		id, next, _ = strings.Cut(id, ":")
		if m.Next, err = strconv.ParseInt(next, 10, 64); err != nil || m.Next < 0 {
			return Mark{}, false
		}
	}
	if n, err := hex.Decode(m.Changelog[:], []byte(id[:min(len(id), 2*len(m.Changelog))])); err != nil || n != len(m.Changelog) || len(id) != 2*n {
		return Mark{}, false
	}
	return m, true
}

// Check says why the changelog of a topic id is not that of the mark, wrapping [ErrLost].
func (m Mark) Check(topic string, id [16]byte) error {
	switch {
	case m.Discarded && m.Changelog == id && id != [16]byte{}:
		return fmt.Errorf("%w: topic %q, id %x, was deleted by a reset and is still there: it is waited for", ErrLost, topic, id)
	case !m.Discarded && m.Changelog != id:
		return fmt.Errorf("%w: the changelog %q was deleted or made anew: its id is %x, and that of the committed positions is %x", ErrLost, topic, id, m.Changelog)
	}
	return nil
}

// checkLog says why a task's partition of the changelog has not what the marks of the
// task's positions say, wrapping [ErrLost].
func checkLog(topic string, marks []Mark, log state.Changelog) error {
	for _, m := range marks {
		if err := m.Check(topic, log.Topic); err != nil {
			return err
		}
		if !m.Discarded && m.Next > log.End {
			return fmt.Errorf("%w: the changelog %q was cut back: it ends at offset %d, and that of the committed positions had reached %d", ErrLost, topic, log.End, m.Next)
		}
	}
	return nil
}
