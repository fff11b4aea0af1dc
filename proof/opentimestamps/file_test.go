package opentimestamps

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func TestOperationsAreThoseOfOthers(t *testing.T) {
	for _, tc := range []struct {
		op       Op
		in, arg  string
		want     string
		inHex    bool
		wantText bool
	}{
		// Digests of "abc", from the papers that define them.
		{op: SHA1, in: "abc", want: "a9993e364706816aba3e25717850c26c9cd0d89d"},
		{op: RIPEMD160, in: "abc", want: "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"},
		{op: SHA256, in: "abc", want: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{op: Keccak256, in: "abc", want: "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"},
		{op: Append, in: "ab", arg: "cd", want: hex.EncodeToString([]byte("abcd"))},
		{op: Prepend, in: "ab", arg: "cd", want: hex.EncodeToString([]byte("cdab"))},
		{op: Reverse, in: "abc", want: hex.EncodeToString([]byte("cba"))},
		{op: Hexlify, in: "\x0a\xff", want: hex.EncodeToString([]byte("0aff"))},
	} {
		got, err := tc.op.apply([]byte(tc.in), []byte(tc.arg))
		if err != nil || hex.EncodeToString(got) != tc.want {
			t.Errorf("operation %#02x of %q: %x, %v, want %s", byte(tc.op), tc.in, got, err, tc.want)
		}
	}
}

// deep is a tree of so many operations in a row.
func deep(n int) Tree {
	t := Tree{{Attestation: &Attestation{Kind: Bitcoin, Height: 1}}}
	for range n {
		t = Tree{{Op: SHA256, Then: t}}
	}
	return t
}

func TestLimitsAreKept(t *testing.T) {
	digest := [32]byte{1}
	if _, err := Parse(New(digest, deep(maxDepth-1)).Bytes()); err != nil {
		t.Error(err)
	}
	long := bytes.Repeat([]byte{7}, maxMessage)
	tooLong := New(digest, Tree{{Op: Append, Argument: long, Then: deep(0)}})
	if _, err := Parse(tooLong.Bytes()); err != nil {
		t.Error(err)
	}
	if _, err := (Verifier{}).Verify(tooLong); err == nil || !strings.Contains(err.Error(), "4128 bytes, and at most 4096") {
		t.Errorf("a message that is too long: %v", err)
	}
	for name, b := range map[string][]byte{
		"too deep":             New(digest, deep(maxDepth)).Bytes(),
		"argument too long":    New(digest, Tree{{Op: Append, Argument: append(long, 1), Then: deep(0)}}).Bytes(),
		"argument empty":       New(digest, Tree{{Op: Append, Then: deep(0)}}).Bytes(),
		"unknown operation":    New(digest, Tree{{Op: 0x77, Then: deep(0)}}).Bytes(),
		"no branch":            New(digest, nil).Bytes(),
		"file too long":        make([]byte, MaxSize+1),
		"later version":        bytes.Replace(hello, []byte{0x94, 1}, []byte{0x94, 2}, 1),
		"address with a query": New(digest, Tree{{Attestation: &Attestation{Kind: Pending, URI: "https://a.example/?q"}}}).Bytes(),
		"address with a user":  New(digest, Tree{{Attestation: &Attestation{Kind: Pending, URI: "https://a@b.example"}}}).Bytes(),
		"payload too long":     New(digest, Tree{{Attestation: &Attestation{Payload: make([]byte, maxPayload+1)}}}).Bytes(),
		"long form of a number": append(New(digest, Tree{{Op: SHA256}}).Bytes(),
			append(append([]byte{0}, bitcoinTag[:]...), 2, 0x81, 0)...),
		"more after the height": append(New(digest, Tree{{Op: SHA256}}).Bytes(),
			append(append([]byte{0}, bitcoinTag[:]...), 2, 1, 1)...),
		"more after the end": append(bytes.Clone(hello), 0),
		"cut off":            hello[:len(hello)-1],
		"empty":              nil,
	} {
		if f, err := Parse(b); err == nil {
			t.Errorf("%s: got %v", name, f)
		}
	}
}

func TestTreesAreMergedGraftedAndPruned(t *testing.T) {
	message := []byte("abc")
	at := func(uri string) *Attestation { return &Attestation{Kind: Pending, URI: uri} }
	tree := Tree{{Op: SHA256, Then: Tree{{Attestation: at("https://a.example")}}}}
	tree.Merge(Tree{{Op: SHA256, Then: Tree{{Attestation: at("https://a.example")}, {Attestation: at("https://b.example")}}}})
	tree.Merge(Tree{{Op: Append, Argument: []byte("x"), Then: Tree{{Attestation: at("https://c.example")}}}})
	if len(tree) != 2 || len(tree[0].Then) != 2 {
		t.Fatalf("merged: %x", tree.AppendTo(nil))
	}
	bitcoin := Tree{{Op: SHA1, Then: Tree{{Attestation: &Attestation{Kind: Bitcoin, Height: 5}}}}}
	err := tree.Graft(message, func(_ []byte, a *Attestation) Tree {
		if a.URI == "https://b.example" {
			return bitcoin
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	done := tree.Prune(func(a *Attestation) bool { return a.Kind == Bitcoin })
	want := Tree{{Op: SHA256, Then: bitcoin}}
	if string(done.AppendTo(nil)) != string(want.AppendTo(nil)) {
		t.Errorf("pruned: %x, want %x", done.AppendTo(nil), want.AppendTo(nil))
	}
	if none := tree.Prune(func(*Attestation) bool { return false }); none != nil {
		t.Errorf("pruned to nothing: %v", none)
	}
}

// What is parsed has one form, is no deeper than allowed, and can be walked
// without an error that is not about the length of a message.
func FuzzParse(f *testing.F) {
	f.Add(hello)
	f.Add(New([32]byte{1}, deep(3)).Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Parse(b)
		if err != nil {
			return
		}
		if got := file.Bytes(); !bytes.Equal(got, b) {
			t.Errorf("%x was read and is written %x", b, got)
		}
		if _, err := (Verifier{}).Verify(file); err == nil {
			t.Error("it proves something without a header")
		}
	})
}

// A calendar's answer is parsed to what it says, in one form.
func FuzzParseTree(f *testing.F) {
	f.Add(deep(2).AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		tree, err := ParseTree(b)
		if err == nil && !bytes.Equal(tree.AppendTo(nil), b) {
			t.Errorf("%x was read and is written %x", b, tree.AppendTo(nil))
		}
	})
}
