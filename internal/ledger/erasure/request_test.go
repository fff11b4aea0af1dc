package erasure

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"github.com/evidentlog/evident/proof"
)

func TestRecordsAreNamed(t *testing.T) {
	for text, want := range map[string]Records{
		"orders/3@1042":      {"orders", 3, proof.Range{First: 1042, Last: 1042}},
		"orders/0@1042-1050": {"orders", 0, proof.Range{First: 1042, Last: 1050}},
		"a.b-c/7@0-0":        {"a.b-c", 7, proof.Range{}},
	} {
		if got, err := ParseRecords(text); err != nil || got != want {
			t.Errorf("%q is %+v, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "orders", "orders/3", "orders@3", "/3@1", "orders/@1", "orders/x@1", "orders/-1@1", "orders/3@", "orders/3@x", "orders/3@5-", "orders/3@5-4", "orders/3@-5", "orders/4294967296@1"} {
		if got, err := ParseRecords(bad); !errors.Is(err, ErrBadRequest) {
			t.Errorf("%q is %+v, %v", bad, got, err)
		}
	}
}

// A key of no bytes is a key.
func TestRequestsAreReadAsTheyWereSent(t *testing.T) {
	before := time.UnixMilli(5).UTC()
	for _, r := range []Request{
		{Topic: "orders", Key: []byte("alice")}, {Topic: "orders", Key: []byte{}}, {Topic: "orders", Before: &before}, {Records: []string{"orders/0@1"}, DryRun: true},
	} {
		sent, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		post := httptest.NewRequest("POST", "/v1/erasures", bytes.NewReader(sent))
		post.Header.Set("Content-Type", "application/json")
		if got, err := readRequest(post); err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%s is %+v, %v", sent, got, err)
		}
	}
}

func FuzzParseRecords(f *testing.F) {
	f.Add("orders/3@1042-1050")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRecords(s)
		if err == nil && (r.Topic == "" || r.Partition < 0 || r.Offsets.First < 0 || r.Offsets.Last < r.Offsets.First) {
			t.Errorf("%q is %+v", s, r)
		}
	})
}

func TestASetHasEachOffsetOnce(t *testing.T) {
	var s Set
	for _, r := range []proof.Range{{First: 5, Last: 7}, {First: 8, Last: 8}, {First: 0, Last: 1}, {First: 6, Last: 9}, {First: 3, Last: 3}, {First: 2, Last: 2}} {
		s.Add(r)
	}
	got := s.Ranges()
	if text := proof.FormatRanges(got); text != "0-3,5-9" || Count(got) != 9 {
		t.Errorf("the set is %s with %d offsets", text, Count(got))
	}
	if _, err := proof.ParseRanges(proof.FormatRanges(got)); err != nil {
		t.Error(err)
	}
	s = Set{}
	s.Add(proof.Range{First: 0, Last: math.MaxInt64})
	s.Add(proof.Range{First: 5, Last: 5})
	if text := proof.FormatRanges(s.Ranges()); text != "0-9223372036854775807" {
		t.Errorf("a set with all offsets is %s", text)
	}
	for o := range int64(12) {
		if want := o <= 3 || o >= 5 && o <= 9; holds(got, o) != want {
			t.Errorf("offset %d is held: %v", o, !want)
		}
	}
}
