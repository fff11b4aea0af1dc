package ethereum

import (
	_ "embed"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/evidentlog/evident/proof"
)

// What go-ethereum gave for a checkpoint, and the block's hash.
var (
	//go:embed testdata/checkpoint
	checkpoint string
	//go:embed testdata/receipt
	receipt []byte
	//go:embed testdata/block
	block string
)

func verifier(t testing.TB) Verifier {
	t.Helper()
	hash, err := ParseHash(strings.TrimSpace(block))
	if err != nil {
		t.Fatal(err)
	}
	return Verifier{Blocks: []Hash{{1}, hash}}
}

func parsed(t testing.TB) *Receipt {
	t.Helper()
	r, err := ParseReceipt(receipt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAReceiptOfGoEthereumIsVerified(t *testing.T) {
	r := parsed(t)
	v := verifier(t)
	v.Contract = &r.Contract
	existed, err := v.VerifyReceipt(checkpoint, receipt)
	b, _ := ParseHeader(r.Header)
	if err != nil || !existed.Clock.Equal(b.Time) || b.Time.Year() < 2020 || existed.NotAfter().Sub(b.Time) != Accuracy {
		t.Errorf("got %v, %v, and the block's time is %v", existed, err, b.Time)
	}
	if len(r.Account) < 2 || string(r.Bytes()) != string(receipt) {
		t.Errorf("%d nodes lead to the account; written again it is %x", len(r.Account), r.Bytes())
	}
}

func TestAFlippedBitOfAReceiptProvesNothing(t *testing.T) {
	v := verifier(t)
	for i := range receipt {
		for bit := range 8 {
			altered := slices.Clone(receipt)
			altered[i] ^= 1 << bit
			if existed, err := v.VerifyReceipt(checkpoint, altered); err == nil {
				t.Errorf("with byte %d altered it still proves %v", i, existed)
			}
		}
	}
}

func TestAReceiptIsForOneCheckpointInOneContract(t *testing.T) {
	v := verifier(t)
	other := strings.Replace(checkpoint, "\n8\n", "\n9\n", 1)
	if _, err := v.VerifyReceipt(other, receipt); err == nil || errors.Is(err, proof.ErrUnchecked) || !strings.Contains(err.Error(), "digest of the checkpoint is") {
		t.Errorf("another checkpoint: %v", err)
	}
	if _, err := v.VerifyReceipt(checkpoint+"— witness.example BBBBBBBB\n", receipt); err != nil {
		t.Errorf("with a cosignature that came later: %v", err)
	}
	v.Contract = &Address{1}
	if _, err := v.VerifyReceipt(checkpoint, receipt); err == nil || errors.Is(err, proof.ErrUnchecked) {
		t.Errorf("another contract: %v", err)
	}
}

func TestABlockThatNobodyVouchesForProvesNothing(t *testing.T) {
	_, err := Verifier{}.VerifyReceipt(checkpoint, receipt)
	if !errors.Is(err, proof.ErrUnchecked) || !strings.Contains(err.Error(), strings.TrimSpace(block)) {
		t.Errorf("got %v", err)
	}
}

func TestPathsWithMoreOrFewerNodesAreRefused(t *testing.T) {
	for name, alter := range map[string]func(*Receipt){
		"a node more":        func(r *Receipt) { r.Account = append(r.Account, r.Account[0]) },
		"a node less":        func(r *Receipt) { r.Account = r.Account[:len(r.Account)-1] },
		"the other path":     func(r *Receipt) { r.Account = r.Storage },
		"no slot":            func(r *Receipt) { r.Storage = r.Account },
		"another's account":  func(r *Receipt) { r.Contract[0]++ },
		"another's header":   func(r *Receipt) { r.Header = r.Header[:len(r.Header)-1] },
		"a node in its turn": func(r *Receipt) { slices.Reverse(r.Account) },
	} {
		r := parsed(t)
		alter(r)
		if existed, err := verifier(t).VerifyReceipt(checkpoint, r.Bytes()); err == nil || errors.Is(err, proof.ErrUnchecked) {
			t.Errorf("%s: %v, %v", name, existed, err)
		}
	}
}

func TestALaterVersionIsNamed(t *testing.T) {
	later := slices.Clone(receipt)
	i := strings.Index(string(later), receiptVersion) + len(receiptVersion) - 1
	later[i] = '2'
	if _, err := ParseReceipt(later); err == nil || !strings.Contains(err.Error(), "evident/ethereum/v2") {
		t.Errorf("got %v", err)
	}
}

func TestAddressesHaveAChecksum(t *testing.T) {
	const mixed = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed" // of ERC-55
	for _, s := range []string{mixed, strings.ToLower(mixed), "0x" + strings.ToUpper(mixed[2:])} {
		if a, err := ParseAddress(s); err != nil || a.String() != mixed {
			t.Errorf("%s: %v, %v", s, a, err)
		}
	}
	for _, s := range []string{"0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed", mixed[2:], mixed[:41], mixed + "0", "0xzz" + mixed[4:], ""} {
		if _, err := ParseAddress(s); err == nil {
			t.Errorf("%q is taken for an address", s)
		}
	}
	if _, err := ParseHash(mixed); err == nil {
		t.Error("an address is taken for a hash")
	}
}

// What is parsed has one form, and nothing proves a block that nobody vouches for.
func FuzzReceipt(f *testing.F) {
	f.Add(receipt)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseReceipt(b)
		if err != nil {
			return
		}
		if string(r.Bytes()) != string(b) {
			t.Errorf("%x was read and is written %x", b, r.Bytes())
		}
		if existed, err := (Verifier{}).VerifyReceipt(checkpoint, b); err == nil {
			t.Errorf("it proves %v", existed)
		}
	})
}

// A lookup ends, without a panic, whatever the nodes are, which need not have the
// hashes that are asked for.
func FuzzNode(f *testing.F) {
	for _, n := range append(parsed(f).Account, parsed(f).Storage...) {
		f.Add(n, []byte("key"))
	}
	f.Fuzz(func(t *testing.T, node, key []byte) {
		_, _ = lookup(Sum(node), key, [][]byte{node})
	})
}
