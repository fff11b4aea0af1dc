package ethereum

import (
	"encoding/hex"
	"testing"

	"github.com/evidentlog/evident/proof/ethereum"
)

// deployedSize is how many bytes of the creation code, at its end, are what the
// chain keeps.
const deployedSize = 690

func TestTheCompiledContractIsTheOneThatReceiptsShow(t *testing.T) {
	code, err := creation()
	if err != nil {
		t.Fatal(err)
	}
	if got := ethereum.Sum(code[len(code)-deployedSize:]).String(); got != ethereum.CodeHash {
		t.Errorf("the contract's code has the hash %s, and proof/ethereum asks for %s", got, ethereum.CodeHash)
	}
}

func TestAKeyHasItsAddress(t *testing.T) {
	// The key and the address of EIP-155's example.
	k, err := ParseKey("0x4646464646464646464646464646464646464646464646464646464646464646")
	if err != nil {
		t.Fatal(err)
	}
	if got := k.Address().String(); got != "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F" {
		t.Errorf("got %s", got)
	}
	for _, bad := range []string{"", "0x46", hex.EncodeToString(make([]byte, 32)), "zz"} {
		if _, err := ParseKey(bad); err == nil {
			t.Errorf("%q is taken for a key", bad)
		}
	}
}
