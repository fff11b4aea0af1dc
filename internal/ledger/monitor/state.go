package monitor

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/evidentlog/evident/proof"
)

const (
	stateFile   = "state"
	stateHeader = "evident monitor state 1"
)

// state is what the monitor must not forget: docs/format/monitor.md.
type state struct {
	origin string   // of the root log; empty before its first checkpoint
	keys   []string // verifier keys that are believed
	stamp  int64    // newest time in a signature, Unix seconds; 0 if none has one
	quiet  int64    // since when there was no sign of life, Unix milliseconds; 0 if there was
	from   int64    // the first entry of the root log that was read
	read   int64    // the next one to be read
	time   int64    // the newest time in an entry, Unix milliseconds
	seen   []string // signed checkpoints, oldest first: one, or two that are not compared yet
	trees  map[string]tree
}

// tree is what was seen last of a tree.
type tree struct {
	proof.Checkpoint
	index  int64 // of the head in the root log
	closed bool
}

func (s *state) encode() []string {
	lines := []string{"origin " + s.origin}
	for _, k := range s.keys {
		lines = append(lines, "key "+k)
	}
	lines = append(lines, fmt.Sprintf("life %d %d", s.stamp, s.quiet), fmt.Sprintf("read %d %d %d", s.from, s.read, s.time))
	for _, n := range s.seen {
		lines = append(lines, "seen "+base64.StdEncoding.EncodeToString([]byte(n)))
	}
	for _, origin := range slices.Sorted(maps.Keys(s.trees)) {
		t := s.trees[origin]
		how := "open"
		if t.closed {
			how = "closed"
		}
		lines = append(lines, fmt.Sprintf("tree %s %d %s %d %s", how, t.Size, t.Root, t.index, origin))
	}
	return lines
}

func decode(lines []string) (*state, error) {
	s := &state{trees: map[string]tree{}}
	for _, line := range lines {
		label, rest, _ := strings.Cut(line, " ")
		var err error
		switch label {
		case "origin":
			s.origin = rest
		case "key":
			s.keys = append(s.keys, rest)
		case "life":
			err = numbers(rest, &s.stamp, &s.quiet)
		case "read":
			err = numbers(rest, &s.from, &s.read, &s.time)
		case "seen":
			var b []byte
			b, err = base64.StdEncoding.DecodeString(rest)
			s.seen = append(s.seen, string(b))
		case "tree":
			err = s.decodeTree(rest)
		default:
			err = errors.New("not understood")
		}
		if err != nil {
			return nil, fmt.Errorf("line %.80q: %w", line, err)
		}
	}
	return s, nil
}

// numbers reads words that are numbers, as many as there are places for them.
func numbers(text string, into ...*int64) (err error) {
	words := strings.Split(text, " ")
	if len(words) != len(into) {
		return fmt.Errorf("%d words, not %d", len(words), len(into))
	}
	for i, word := range words {
		if *into[i], err = strconv.ParseInt(word, 10, 64); err != nil {
			return err
		}
	}
	return nil
}

func (s *state) decodeTree(text string) (err error) {
	words := strings.SplitN(text, " ", 5)
	if len(words) != 5 {
		return fmt.Errorf("%d words, not 5", len(words))
	}
	t := tree{closed: words[0] == "closed"}
	if err := numbers(words[1]+" "+words[3], &t.Size, &t.index); err != nil {
		return err
	}
	root, err := base64.StdEncoding.DecodeString(words[2])
	if err != nil || len(root) != len(t.Root) {
		return errors.New("no hash")
	}
	t.Root, t.Origin = proof.Hash(root), words[4]
	s.trees[t.Origin] = t
	return nil
}
