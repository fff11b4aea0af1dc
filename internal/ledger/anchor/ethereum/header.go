package ethereum

import (
	"encoding/json"
	"fmt"

	"github.com/evidentlog/evident/proof/ethereum"
	"github.com/evidentlog/evident/proof/ethereum/rlp"
)

// A field of a header, by its name in JSON-RPC.
type headerField struct {
	name     string
	isNumber bool
	optional bool // came with later rules of the chain: if one is missing, so are those after it
}

// headerFields are those of a header, in the order in which they are hashed.
var headerFields = []headerField{
	{name: "parentHash"}, {name: "sha3Uncles"}, {name: "miner"}, {name: "stateRoot"}, {name: "transactionsRoot"},
	{name: "receiptsRoot"}, {name: "logsBloom"}, {name: "difficulty", isNumber: true}, {name: "number", isNumber: true},
	{name: "gasLimit", isNumber: true}, {name: "gasUsed", isNumber: true}, {name: "timestamp", isNumber: true},
	{name: "extraData"}, {name: "mixHash"}, {name: "nonce"},
	{name: "baseFeePerGas", isNumber: true, optional: true},
	{name: "withdrawalsRoot", optional: true},
	{name: "blobGasUsed", isNumber: true, optional: true},
	{name: "excessBlobGas", isNumber: true, optional: true},
	{name: "parentBeaconBlockRoot", optional: true},
	{name: "requestsHash", optional: true},
	{name: "blockAccessListHash", optional: true},
	{name: "slotNumber", isNumber: true, optional: true},
}

// encodeHeader returns the header of a block that a node describes, as it is
// hashed. It must have the hash that the block has.
func encodeHeader(block map[string]json.RawMessage, hash ethereum.Hash) ([]byte, error) {
	var fields []byte
	for _, f := range headerFields {
		value, ok := block[f.name]
		if !ok && f.optional {
			break
		}
		var err error
		if fields, err = appendField(fields, f, value); err != nil {
			return nil, fmt.Errorf("block %v: %s: %w", hash, f.name, err)
		}
	}
	header := rlp.AppendList(nil, fields)
	if got := ethereum.Sum(header); got != hash {
		return nil, fmt.Errorf("the header of block %v has the hash %v: the chain has headers that this program does not know", hash, got)
	}
	return header, nil
}

func appendField(to []byte, f headerField, value json.RawMessage) ([]byte, error) {
	if f.isNumber {
		var q quantity
		if err := json.Unmarshal(value, &q); err != nil {
			return nil, err
		}
		return rlp.AppendNumber(to, q.Bytes()), nil
	}
	var d data
	if err := json.Unmarshal(value, &d); err != nil {
		return nil, err
	}
	return rlp.AppendString(to, d), nil
}
