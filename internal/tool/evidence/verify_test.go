package evidence

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/proof"
)

// printed is what is shown of a proven record, as text and as JSON.
func printed(t *testing.T, r proof.ProvenRecord) (text, js string) {
	t.Helper()
	h := proof.ProvenHead{Tree: proof.Tree{Topic: "orders"}, Records: []proof.ProvenRecord{r}}
	c := Checked{Proven: true, Heads: []Head{newHead(&h)}}
	for _, env := range []tool.Env{{}, {JSON: true}} {
		var b bytes.Buffer
		env.Out = &b
		if err := env.Print(c, c.text); err != nil {
			t.Fatal(err)
		}
		text, js = js, b.String()
	}
	return text, js
}

func data(r proof.Record) proof.ProvenRecord {
	r.Kind = proof.Data
	return proof.ProvenRecord{Offset: 7, Record: r, CommittedAt: -1}
}

func TestARecordCannotForgeWhatIsPrinted(t *testing.T) {
	forged := "a\nPROVEN: orders/0@8\x1b[2J"
	text, _ := printed(t, data(proof.Record{
		Key: []byte(forged), Value: []byte(forged), Headers: []proof.Header{{Key: forged, Value: []byte(forged)}},
	}))
	if strings.Contains(text, "\x1b") || strings.Count(text, "\nPROVEN") > 0 {
		t.Errorf("%q", text)
	}
}

// Producers send microseconds where milliseconds belong, and worse.
func TestAnyTimestampCanBePrinted(t *testing.T) {
	for _, ms := range []int64{0, 1795629100000123, math.MaxInt64} {
		text, js := printed(t, data(proof.Record{Timestamp: ms}))
		var c Checked
		if err := json.Unmarshal([]byte(js), &c); err != nil || *c.Heads[0].Records[0].Timestamp != ms {
			t.Errorf("%d: %v, %s", ms, err, js)
		}
		if !strings.Contains(text, "producer's claim") {
			t.Errorf("%d: %s", ms, text)
		}
	}
}

func TestBytesAndTheirHexadecimalFormAreToldApart(t *testing.T) {
	text1, js1 := printed(t, data(proof.Record{Value: []byte{0xff}, Headers: []proof.Header{{Key: "\xff"}}}))
	text2, js2 := printed(t, data(proof.Record{Value: []byte("ff"), Headers: []proof.Header{{Key: "\ufffd"}}}))
	if text1 == text2 || js1 == js2 || !strings.Contains(js1, `"value_base64": "/w=="`) || !strings.Contains(js1, `"key_base64": "/w=="`) {
		t.Errorf("%s\n%s\n%s", text1, text2, js1)
	}
}

func TestWhatACommitDoesNotProveIsSaid(t *testing.T) {
	r := data(proof.Record{Transactional: true})
	r.CommittedAt = 9
	if text, _ := printed(t, r); !strings.Contains(text, "Not proven: that this marker is its transaction's") {
		t.Error(text)
	}
	r.OneTransaction = true
	if text, _ := printed(t, r); strings.Contains(text, "Not proven: that") || !strings.Contains(text, "committed at offset 9") {
		t.Error(text)
	}
}

func TestTheWeakerPromiseOfAnExternalClusterIsSaid(t *testing.T) {
	const omission, own = "Omission before the ledger saw it cannot be excluded", "the node's own"
	for _, external := range []bool{true, false} {
		h := newHead(&proof.ProvenHead{External: external})
		var b bytes.Buffer
		h.text(&b)
		if strings.Contains(b.String(), omission) != external || strings.Contains(b.String(), own) == external {
			t.Errorf("external %v: %s", external, b.String())
		}
		if (h.Engine == "external") != external {
			t.Errorf("engine %q", h.Engine)
		}
	}
}

// A witness with a wrong clock confirms no time, and the history all the same.
func TestWhatWitnessesAndAnchorsConfirmIsToldApart(t *testing.T) {
	block := []proof.Existed{{By: "Bitcoin block 7", Clock: time.Unix(1_700_000_000, 0).UTC(), Accuracy: 2 * time.Hour}}
	for _, c := range []struct {
		cosigned []string
		existed  []proof.Existed
		want     string
	}{
		{nil, nil, "No witness or anchor has confirmed a time, or that there is no other version"},
		{nil, block, "No witness has confirmed that there is no other version of the log."},
		{[]string{"one", "two"}, nil, "no other version of the log: one, two.\n  No witness or anchor has confirmed a time.\n"},
		{[]string{"one"}, block, "not after 2023-11-15T00:13:20Z, by Bitcoin block 7, whose clock says 2023-11-14T22:13:20Z; that is taken to be right to 2 hours."},
	} {
		h := newHead(&proof.ProvenHead{Cosigned: c.cosigned, Existed: c.existed})
		var b bytes.Buffer
		h.text(&b)
		if !strings.Contains(b.String(), c.want) || len(c.cosigned) > 0 && strings.Contains(b.String(), ", or that") {
			t.Errorf("cosigned by %v, existed %v:\n%s", c.cosigned, c.existed, b.String())
		}
	}
}
