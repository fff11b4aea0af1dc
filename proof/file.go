package proof

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// The lines of a proof file that are not a proof's own.
const (
	fileHeader   = "evident/proof/v1"
	sectionStart = "--- "
	headSection  = "head"
	recordLabel  = "record"
	receiptLabel = "receipt "
	endSection   = "end"
)

// A File proves one record, or several, offline.
type File struct {
	Heads []Head
}

// A Head is an entry of the root log with the records that it proves.
type Head struct {
	Root     *Inclusion // of the root entry, which is its extra data, in the root log
	Receipts []Receipt  // for the root log's checkpoint
	Records  []*Inclusion
}

// A Receipt is what an anchor gave for a checkpoint.
type Receipt struct {
	Anchor string // its kind, such as "opentimestamps"
	Data   []byte
}

// String returns the file as docs/format/ledger.md has it.
func (f *File) String() string {
	var b strings.Builder
	b.WriteString(fileHeader + "\n\n")
	for _, h := range f.Heads {
		b.WriteString(sectionStart + headSection + "\n" + h.Root.String())
		for _, r := range h.Receipts {
			b.WriteString(sectionStart + receiptLabel + r.Anchor + "\n")
			b.WriteString(wrap(base64.StdEncoding.EncodeToString(r.Data)))
		}
		for _, r := range h.Records {
			b.WriteString(sectionStart + recordLabel + "\n" + r.String())
		}
	}
	return b.String() + checksum(b.String())
}

func checksum(above string) string {
	return fmt.Sprintf("%s%s\nsha256 %x\n", sectionStart, endSection, sha256.Sum256([]byte(above)))
}

// wrap breaks text into lines of 76 characters, as MIME has base64.
func wrap(text string) string {
	const width = 76
	var b strings.Builder
	for len(text) > width {
		b.WriteString(text[:width] + "\n")
		text = text[width:]
	}
	b.WriteString(text + "\n")
	return b.String()
}

// ParseFile reads a proof file and checks its form and checksum. What it says
// is checked by Verify.
func ParseFile(text string) (*File, error) {
	f, err := parseFile(text)
	if err != nil {
		return nil, fmt.Errorf("proof file: %w", err)
	}
	return f, nil
}

func parseFile(text string) (*File, error) {
	if !strings.HasPrefix(text, fileHeader+"\n\n"+sectionStart) {
		first, _, _ := strings.Cut(text, "\n")
		if strings.HasSuffix(first, "\r") {
			return nil, errors.New("its lines end in carriage returns: a mail program or an editor has altered it, ask for it again")
		}
		return nil, fmt.Errorf("it begins with %q; a proof file that this program knows begins with %q and an empty line", abbreviate(first), fileHeader)
	}
	i := strings.LastIndex(text, "\n"+sectionStart+endSection+"\n")
	if i < 0 {
		return nil, errors.New("its end is missing: it was cut off")
	}
	content := text[:i+1]
	if text[i+1:] != checksum(content) {
		return nil, errors.New("its checksum is wrong: it was damaged or altered")
	}
	f := &File{}
	for n, section := range strings.Split(content, "\n"+sectionStart)[1:] {
		label, body, _ := strings.Cut(section, "\n")
		if err := f.add(label, ended(body)); err != nil {
			return nil, fmt.Errorf("section %d (%q): %w", n+1, abbreviate(label), err)
		}
	}
	// One file has one form: what the parts' readers let pass is caught here.
	if f.String() != text {
		return nil, errors.New("it is not written as a proof file is: a space, a line or a number has another form")
	}
	return f, nil
}

// validAnchor tells whether a name can be an anchor's. It is shown to people,
// and nobody has signed it.
func validAnchor(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// ended gives a section back the newline that the split took.
func ended(body string) string {
	if strings.HasSuffix(body, "\n") {
		return body
	}
	return body + "\n"
}

func (f *File) add(label, body string) error {
	if label == headSection {
		root, err := ParseInclusion(body)
		f.Heads = append(f.Heads, Head{Root: root})
		return err
	}
	if len(f.Heads) == 0 {
		return errors.New("a head must come first")
	}
	head := &f.Heads[len(f.Heads)-1]
	if label == recordLabel {
		record, err := ParseInclusion(body)
		head.Records = append(head.Records, record)
		return err
	}
	anchor, ok := strings.CutPrefix(label, receiptLabel)
	if !ok || !validAnchor(anchor) {
		return errors.New("there is no such section: is it from a newer version?")
	}
	data, err := decodeBase64(strings.ReplaceAll(body, "\n", ""))
	head.Receipts = append(head.Receipts, Receipt{anchor, data})
	return err
}
