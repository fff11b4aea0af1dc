package ethereum

import (
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/evidentlog/evident/proof/ethereum"
)

//go:embed contract/CheckpointAnchor.hex
var compiled string

// creation returns the code that makes the contract.
func creation() ([]byte, error) {
	return hex.DecodeString(strings.ReplaceAll(compiled, "\n", ""))
}

// stateSlot is where the contract's storage has its owner and the size of the
// newest checkpoint.
const stateSlot = 0

// callAnchor is the input of a call of anchor(uint64,bytes32).
func callAnchor(size int64, digest [32]byte) []byte {
	selector := ethereum.Sum([]byte("anchor(uint64,bytes32)"))
	input := append([]byte{}, selector[:4]...)
	input = append(input, make([]byte, 24)...)
	input = binary.BigEndian.AppendUint64(input, uint64(size))
	return append(input, digest[:]...)
}

// contractState is what the contract knows of its log.
type contractState struct {
	owner ethereum.Address
	size  uint64
}

// parseState reads the slot of owner and size: from its end, 20 bytes and 8.
func parseState(slot []byte) (contractState, error) {
	if len(slot) != 32 {
		return contractState{}, fmt.Errorf("a storage slot of %d bytes", len(slot))
	}
	s := contractState{ethereum.Address(slot[12:]), binary.BigEndian.Uint64(slot[4:])}
	if s.owner == (ethereum.Address{}) {
		return s, errors.New("there is no contract of Evident at the address")
	}
	return s, nil
}
