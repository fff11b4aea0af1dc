package opentimestamps

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"testing"

	"github.com/evidentlog/evident/proof"
)

// hello is the public proof of "Hello World!\n".
//
//go:embed testdata/hello-world.txt.ots
var hello []byte

const (
	helloText   = "Hello World!\n"
	helloHeight = 358391
	// helloHeader is the header of Bitcoin block 358391.
	helloHeader = "02000000b96394585a281b7e5f438fd1c9ed492645a1fd61cb38020400000000" +
		"00000000007ee445d23ad061af4a36b809501fab1ac4f2d7e7a739817dd0cbb7" +
		"ec661b8a1e376755f58616186272def6"
)

func header(t testing.TB) Header {
	t.Helper()
	raw, err := hex.DecodeString(helloHeader)
	if err != nil {
		t.Fatal(err)
	}
	h, err := ParseHeader(raw)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func verifier(t testing.TB) Verifier {
	return Verifier{Headers: map[int64]Header{helloHeight: header(t)}}
}

// checkpoint is a note that nobody has really signed: anchors look at its text only.
const checkpoint = "example.com/events\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— example.com/events AAAAAAAA\n"

// mine makes a block whose transactions have the root that a timestamp of the
// checkpoint leads to. No block of the chain has so little work, but it takes
// 2^32 hashes on average to make one: the header is not checked.
func mine(t testing.TB, height int64) (receipt []byte, v Verifier) {
	t.Helper()
	digest, err := proof.CheckpointDigest(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	f := New(digest, Tree{{Op: Append, Argument: []byte("beside it"), Then: Tree{{Op: SHA256, Then: Tree{
		{Attestation: &Attestation{Kind: Bitcoin, Height: height}}}}}}})
	root := sha256.Sum256(append(digest[:], "beside it"...))
	h := header(t)
	copy(h.raw[36:], root[:])
	return f.Bytes(), Verifier{Headers: map[int64]Header{height: h}}
}
