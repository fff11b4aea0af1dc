package rlp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func TestEncodingsAreThoseOfTheYellowPaper(t *testing.T) {
	for want, got := range map[string][]byte{
		"83646f67":                        AppendString(nil, []byte("dog")),
		"80":                              AppendString(nil, nil),
		"0f":                              AppendUint(nil, 15),
		"820400":                          AppendUint(nil, 1024),
		"c88363617483646f67":              AppendList(nil, AppendString(nil, []byte("cat")), AppendString(nil, []byte("dog"))),
		"c0":                              AppendList(nil),
		"b838" + strings.Repeat("61", 56): AppendString(nil, bytes.Repeat([]byte("a"), 56)),
	} {
		if hex.EncodeToString(got) != want {
			t.Errorf("got %x, want %s", got, want)
		}
	}
}

func TestOtherFormsAreRefused(t *testing.T) {
	for name, encoded := range map[string]string{
		"a byte for itself with a length": "8101",
		"a long form of a short length":   "b801ff",
		"a length with a leading zero":    "b90038" + strings.Repeat("61", 56),
		"cut off":                         "83646f",
		"a length cut off":                "b9",
		"a length beyond all":             "bfffffffffffffffff",
		"more after it":                   "83646f6700",
		"empty":                           "",
		"a list's item cut off":           "c283646f",
	} {
		b, err := hex.DecodeString(encoded)
		if err != nil {
			t.Fatal(err)
		}
		it, err := Parse(b)
		if err == nil && it.IsList {
			_, err = it.Items(0, 9)
		}
		if !errors.Is(err, ErrForm) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is parsed is written again in the same way.
func FuzzParse(f *testing.F) {
	f.Add([]byte("\xc8\x83cat\x83dog"))
	f.Fuzz(func(t *testing.T, b []byte) {
		it, err := Parse(b)
		if err != nil {
			return
		}
		again := AppendString(nil, it.Content)
		if it.IsList {
			items, err := it.Items(0, len(b))
			if err != nil {
				return
			}
			var content [][]byte
			for _, i := range items {
				content = append(content, i.Raw)
			}
			again = AppendList(nil, content...)
		}
		if !bytes.Equal(again, b) {
			t.Errorf("%x was read and is written %x", b, again)
		}
		if n, err := it.Uint(); err == nil && !bytes.Equal(AppendUint(nil, n), b) {
			t.Errorf("the number %d was read of %x", n, b)
		}
	})
}
