package protocol

import (
	"strings"
	"testing"

	"github.com/evidentlog/evident/proof"
)

const note = "example.com/log\n5\nqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=\n\n— x y\n"

func TestWhatIsNoRequestIsRefused(t *testing.T) {
	hash := strings.Repeat("A", 43) + "=\n"
	for body, want := range map[string]string{
		"":                            "no empty line",
		"old 5\n":                     "no empty line",
		"new 5\n\n" + note:            "first line",
		"old 05\n\n" + note:           "old size",
		"old -1\n\n" + note:           "old size",
		"old 5 \n\n" + note:           "old size",
		"old 9223372036854775807\n\n": "old size",
		"old 5\nAAAA\n\n" + note:      "consistency proof",
		"old 5\n" + strings.Repeat("A", 42) + "B=\n\n" + note:  "consistency proof", // stray bits
		"old 5\n" + strings.Repeat(hash, 64) + "\n" + note:     "64 lines",
		"old 5\n" + strings.Repeat("A", 43) + "=\r\n\n" + note: "consistency proof",
	} {
		if _, err := Parse(body); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.30q: %v, want %q", body, err, want)
		}
	}
}

// Invariants: nothing panics; a request that is read is written the same.
func FuzzParse(f *testing.F) {
	f.Add((&Request{Old: 3, Proof: []proof.Hash{{1}, {2}}, Checkpoint: []byte(note)}).String())
	f.Add("old 0\n\n" + note)
	f.Fuzz(func(t *testing.T, body string) {
		r, err := Parse(body)
		if err == nil && r.String() != body {
			t.Errorf("%q was read as %+v, which is written %q", body, r, r.String())
		}
	})
}
