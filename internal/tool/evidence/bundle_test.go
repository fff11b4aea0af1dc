package evidence

import (
	"bytes"
	"strings"
	"testing"

	"github.com/evidentlog/evident/proof"
)

func TestEachRecordOfABundleHasOneLine(t *testing.T) {
	forged := data(proof.Record{Key: []byte("a\nPROVEN: orders/0@8\x1b[2J"), Timestamp: 5})
	committed := data(proof.Record{Key: []byte("bob"), Transactional: true})
	committed.CommittedAt = 9
	marker := proof.ProvenRecord{Offset: 9, Record: proof.Record{Kind: proof.Control}, CommittedAt: -1}
	c := Checked{Proven: true}
	for _, records := range [][]proof.ProvenRecord{{forged, committed}, {marker}} {
		h := proof.ProvenHead{Tree: proof.Tree{Topic: "orders", Partition: int32(len(c.Heads))}, Records: records}
		c.Heads = append(c.Heads, newHead(&h))
	}
	var b bytes.Buffer
	c.text(&b)
	text := b.String()
	if strings.Count(text, "\nPROVEN:") != 2 || !strings.HasPrefix(text, "PROVEN: orders/0@7\t") || strings.Contains(text, "\x1b") {
		t.Errorf("%q", text)
	}
	for _, want := range []string{"These 3 records were", "committed at 9", "orders/1@9\t-\ta control record", "Not proven of 1 of them"} {
		if !strings.Contains(text, want) {
			t.Errorf("without %q:\n%s", want, text)
		}
	}
}
