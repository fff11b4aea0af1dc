package proof

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// inclusionHeader is the first line of C2SP's tlog-proof.
const inclusionHeader = "c2sp.org/tlog-proof@v1"

// maxPath is how many hashes a proof can need: one for each bit of an index.
const maxPath = 63

// maxSize is how many entries a tree can have: package tlog computes with powers
// of two that are no less, and does not end if there is none.
const maxSize = 1 << 62

// An Inclusion proves that an entry is in a log: C2SP's tlog-proof.
type Inclusion struct {
	Extra  []byte // what the entry can be computed from; nobody vouches for it
	Index  int64
	Path   []Hash // from the leaf's sibling up
	Signed string // the checkpoint, a signed note, verbatim
}

// String returns the proof as tlog-proof has it.
func (p *Inclusion) String() string {
	var b strings.Builder
	b.WriteString(inclusionHeader + "\n")
	if len(p.Extra) > 0 {
		b.WriteString("extra " + base64.StdEncoding.EncodeToString(p.Extra) + "\n")
	}
	fmt.Fprintf(&b, "index %d\n", p.Index)
	for _, h := range p.Path {
		b.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	b.WriteString("\n" + p.Signed)
	return b.String()
}

// ParseInclusion reads a tlog-proof, which must be the whole of text. It checks
// the form only.
func ParseInclusion(text string) (*Inclusion, error) {
	head, signed, ok := strings.Cut(text, "\n\n")
	if !ok {
		return nil, errors.New("inclusion proof: no empty line before the checkpoint")
	}
	lines := strings.Split(head, "\n")
	if lines[0] != inclusionHeader {
		return nil, fmt.Errorf("inclusion proof: the first line is %q, not %q", abbreviate(lines[0]), inclusionHeader)
	}
	p := &Inclusion{Signed: signed}
	lines, err := p.parseExtra(lines[1:])
	if err != nil {
		return nil, err
	}
	if err := p.parsePath(lines); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Inclusion) parseExtra(lines []string) (rest []string, err error) {
	if len(lines) == 0 {
		return nil, errors.New("inclusion proof: the index is missing")
	}
	encoded, ok := strings.CutPrefix(lines[0], "extra ")
	if !ok {
		return lines, nil
	}
	if p.Extra, err = decodeBase64(encoded); err != nil {
		return nil, fmt.Errorf("inclusion proof: extra data: %w", err)
	}
	if len(p.Extra) == 0 {
		return nil, errors.New("inclusion proof: the extra data is empty")
	}
	return lines[1:], nil
}

func (p *Inclusion) parsePath(lines []string) error {
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return errors.New("inclusion proof: the index is missing")
	}
	var err error
	if p.Index, err = parseNumber(strings.TrimPrefix(lines[0], "index ")); err != nil {
		return fmt.Errorf("inclusion proof: index: %w", err)
	}
	if len(lines)-1 > maxPath {
		return fmt.Errorf("inclusion proof: %d hashes, and no tree needs more than %d", len(lines)-1, maxPath)
	}
	for _, line := range lines[1:] {
		h, err := parseHash(line)
		if err != nil {
			return fmt.Errorf("inclusion proof: %w", err)
		}
		p.Path = append(p.Path, h)
	}
	return nil
}

// check tells whether the leaf is in the tree at the proof's index.
func (p *Inclusion) check(c Checkpoint, leaf Hash) error {
	if c.Size > maxSize {
		return fmt.Errorf("%s has %d entries, and no tree has more than %d", c.Origin, c.Size, int64(maxSize))
	}
	if p.Index >= c.Size {
		return fmt.Errorf("index %d is not in a tree of %d entries", p.Index, c.Size)
	}
	if err := tlog.CheckRecord(p.Path, c.Size, c.Root, p.Index, leaf); err != nil {
		return fmt.Errorf("entry %d does not lead to the root hash of %s at size %d: the entry, the path or the checkpoint was altered", p.Index, c.Origin, c.Size)
	}
	return nil
}
