// Package protocol is what a log and a witness say to each other: the
// add-checkpoint call of C2SP's tlog-witness. It reads and writes the request; it
// decides nothing.
package protocol

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/evidentlog/evident/proof"
)

// What the specification fixes.
const (
	// AddCheckpoint is the path below a witness's submission prefix.
	AddCheckpoint = "/add-checkpoint"
	// SizeType is the content type of the size in the body of a 409.
	SizeType = "text/x.tlog.size"
	// MaxProof is how many lines a consistency proof may have.
	MaxProof = 63
)

// MaxBody bounds requests and answers, in bytes: 63 hashes and a checkpoint with
// signatures of a dozen witnesses.
const MaxBody = 64 << 10

// MaxSize is how many entries a log can have: package tlog computes with powers of
// two that are no less.
const MaxSize = 1 << 62

// A Request asks a witness to cosign a checkpoint.
type Request struct {
	Old        int64        // the size that the witness has cosigned last
	Proof      []proof.Hash // that Checkpoint continues it
	Checkpoint []byte       // a signed note
}

// String returns the body of the request.
func (r *Request) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "old %d\n", r.Old)
	for _, h := range r.Proof {
		b.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	b.WriteString("\n")
	b.Write(r.Checkpoint)
	return b.String()
}

// Parse reads the body of a request. The checkpoint is not looked at.
func Parse(body string) (*Request, error) {
	head, checkpoint, ok := strings.Cut(body, "\n\n")
	if !ok {
		return nil, errors.New("no empty line before the checkpoint")
	}
	lines := strings.Split(head, "\n")
	old, ok := strings.CutPrefix(lines[0], "old ")
	if !ok {
		return nil, errors.New("the first line is not old and a size")
	}
	r := &Request{Checkpoint: []byte(checkpoint)}
	var err error
	if r.Old, err = ParseSize(old); err != nil {
		return nil, fmt.Errorf("old size: %w", err)
	}
	if len(lines)-1 > MaxProof {
		return nil, fmt.Errorf("a consistency proof of %d lines, and at most %d are possible", len(lines)-1, MaxProof)
	}
	for _, line := range lines[1:] {
		h, err := parseHash(line)
		if err != nil {
			return nil, fmt.Errorf("consistency proof: %w", err)
		}
		r.Proof = append(r.Proof, h)
	}
	return r, nil
}

// ParseSize reads the size of a tree: decimal, without leading zeros.
func ParseSize(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > MaxSize || strconv.FormatInt(n, 10) != s {
		return 0, fmt.Errorf("%.40q is not the size of a tree", s)
	}
	return n, nil
}

func parseHash(line string) (proof.Hash, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(line)
	if err != nil || len(b) != len(proof.Hash{}) || strings.ContainsAny(line, "\r\n") {
		return proof.Hash{}, fmt.Errorf("%.60q is not the base64 form of a hash", line)
	}
	return proof.Hash(b), nil
}
