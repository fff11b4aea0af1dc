package proof

import (
	"errors"
	"fmt"
	"strings"
)

// The kinds of entries in the root log: their first lines.
const (
	HeadEntry   = "evident/head/v1"   // a partition's tree has this head
	ClosedEntry = "evident/closed/v1" // it ends here, for a reason
	ErasedEntry = "evident/erased/v1" // records were erased
)

// maxTime is the last time that has a form in RFC 3339, in Unix milliseconds.
const maxTime = 253402300799999

// A RootEntry is a leaf of the root log.
type RootEntry struct {
	Kind       string
	Time       int64      // Unix milliseconds, by the node's clock: the log's claim
	Checkpoint Checkpoint // of a partition's tree
	Details    []string   // further lines, as docs/format/ledger.md has them for each kind
	// External tells that the log is not the ledger's own but an external cluster's,
	// which may have removed records before the ledger saw them.
	External bool
}

// externalLine is the last one of an entry that is External.
const externalLine = "engine external"

// Bytes returns the entry as it is hashed.
func (e *RootEntry) Bytes() []byte {
	b := fmt.Appendf(nil, "%s\ntime %d\n%s", e.Kind, e.Time, e.Checkpoint)
	for _, line := range e.Details {
		b = append(append(b, line...), '\n')
	}
	if e.External {
		b = append(b, externalLine+"\n"...)
	}
	return b
}

// ParseRootEntry reads an entry of the root log, which must be the whole of b.
func ParseRootEntry(b []byte) (RootEntry, error) {
	text, ended := strings.CutSuffix(string(b), "\n")
	lines := strings.Split(text, "\n")
	if !ended || len(lines) < 5 {
		return RootEntry{}, fmt.Errorf("root entry: %d lines, and there must be five or more", len(lines))
	}
	e := RootEntry{Kind: lines[0]}
	if last := len(lines) - 1; last >= 5 && lines[last] == externalLine {
		e.External, lines = true, lines[:last]
	}
	if err := e.checkKind(lines[5:]); err != nil {
		return RootEntry{}, err
	}
	claimed, ok := strings.CutPrefix(lines[1], "time ")
	if !ok {
		return RootEntry{}, fmt.Errorf("root entry: the second line is %q, not a time", abbreviate(lines[1]))
	}
	var err error
	if e.Time, err = parseNumber(claimed); err != nil {
		return RootEntry{}, fmt.Errorf("root entry: time: %w", err)
	}
	if e.Time > maxTime {
		return RootEntry{}, fmt.Errorf("root entry: time %d is after the year 9999", e.Time)
	}
	if e.Checkpoint, err = ParseCheckpoint(strings.Join(lines[2:5], "\n") + "\n"); err != nil {
		return RootEntry{}, fmt.Errorf("root entry: %w", err)
	}
	if len(lines) > 5 {
		e.Details = lines[5:]
	}
	if e.Kind == ErasedEntry {
		_, _, err = e.Erased()
	}
	return e, err
}

// checkKind refuses kinds that are not known and details that do not belong to one.
func (e *RootEntry) checkKind(details []string) error {
	starts := []string{}
	switch e.Kind {
	case HeadEntry:
	case ClosedEntry:
		starts = []string{"reason "}
	case ErasedEntry:
		starts = []string{"offsets ", "by "}
	default:
		return fmt.Errorf("root entry: %q is no kind of entry that this program knows; is it from a newer version?", abbreviate(e.Kind))
	}
	if len(details) != len(starts) {
		return fmt.Errorf("root entry: %d lines of details, and %s has %d", len(details), e.Kind, len(starts))
	}
	for i, start := range starts {
		if text, ok := strings.CutPrefix(details[i], start); !ok || text == "" {
			return fmt.Errorf("root entry: %q is not a line with %q", abbreviate(details[i]), strings.TrimSpace(start))
		}
	}
	return nil
}

// A Tree names the tree of a partition, as its origin does.
type Tree struct {
	Deployment string // the origin of the root log
	Topic      string
	TopicID    string // URL-safe base64 of 16 bytes, as Kafka shows it
	Partition  int32
	Generation int32
}

// Origin returns the origin of the tree's checkpoints.
func (t Tree) Origin() string {
	return fmt.Sprintf("%s/%s/%s/%d/%d", t.Deployment, t.Topic, t.TopicID, t.Partition, t.Generation)
}

// ParseOrigin reads the origin of a tree of the deployment.
func ParseOrigin(deployment, origin string) (Tree, error) {
	inner, ok := strings.CutPrefix(origin, deployment+"/")
	if !ok {
		return Tree{}, fmt.Errorf("origin %q is not one of %s", abbreviate(origin), deployment)
	}
	parts := strings.Split(inner, "/")
	if len(parts) != 4 || parts[0] == "" || parts[1] == "" {
		return Tree{}, fmt.Errorf("origin %q does not end in topic, topic id, partition and generation", abbreviate(origin))
	}
	partition, err1 := parseNumber(parts[2])
	generation, err2 := parseNumber(parts[3])
	if err := errors.Join(err1, err2); err != nil {
		return Tree{}, fmt.Errorf("origin %q: %w", abbreviate(origin), err)
	}
	const maxInt32 = 1<<31 - 1
	if partition > maxInt32 || generation > maxInt32 {
		return Tree{}, fmt.Errorf("origin %q: partition %d or generation %d is too large", abbreviate(origin), partition, generation)
	}
	return Tree{deployment, parts[0], parts[1], int32(partition), int32(generation)}, nil
}
