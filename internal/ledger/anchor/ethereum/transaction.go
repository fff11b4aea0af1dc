package ethereum

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/evidentlog/evident/proof/ethereum"
	"github.com/evidentlog/evident/proof/ethereum/rlp"
)

// feeMarketType is the type of transactions of EIP-1559.
const feeMarketType = 0x02

// A transaction moves no ether: it calls a contract, or makes one.
type transaction struct {
	chainID *big.Int
	nonce   uint64
	tip     *big.Int // at most for the block's maker, wei per gas
	maxFee  *big.Int // at most in all, wei per gas
	gas     uint64
	to      *ethereum.Address // nil makes a contract
	input   []byte
}

// sign returns the transaction as it is sent.
func (t *transaction) sign(k Key) []byte {
	fields := t.fields()
	hash := ethereum.Sum([]byte{feeMarketType}, rlp.AppendList(nil, fields))
	parity, r, s := k.sign(hash)
	fields = rlp.AppendUint(fields, uint64(parity))
	fields = rlp.AppendNumber(fields, r)
	fields = rlp.AppendNumber(fields, s)
	return rlp.AppendList([]byte{feeMarketType}, fields)
}

func (t *transaction) fields() []byte {
	b := rlp.AppendNumber(nil, t.chainID.Bytes())
	b = rlp.AppendUint(b, t.nonce)
	b = rlp.AppendNumber(b, t.tip.Bytes())
	b = rlp.AppendNumber(b, t.maxFee.Bytes())
	b = rlp.AppendUint(b, t.gas)
	if t.to == nil {
		b = rlp.AppendString(b, nil)
	} else {
		b = rlp.AppendString(b, t.to[:])
	}
	b = rlp.AppendUint(b, 0) // value
	b = rlp.AppendString(b, t.input)
	return rlp.AppendList(b) // no access list
}

// parseTransaction reads what sign returned.
func parseTransaction(raw []byte) (*transaction, error) {
	if len(raw) == 0 || raw[0] != feeMarketType {
		return nil, errors.New("not a transaction of EIP-1559")
	}
	list, err := rlp.Parse(raw[1:])
	if err != nil {
		return nil, err
	}
	const count = 12
	items, err := list.Items(count, count)
	if err != nil {
		return nil, err
	}
	nonce, err1 := items[1].Uint()
	gas, err2 := items[4].Uint()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	t := &transaction{
		chainID: new(big.Int).SetBytes(items[0].Content), nonce: nonce, gas: gas,
		tip: new(big.Int).SetBytes(items[2].Content), maxFee: new(big.Int).SetBytes(items[3].Content),
		input: items[7].Content,
	}
	if to := items[5].Content; len(to) > 0 {
		if len(to) != len(ethereum.Address{}) {
			return nil, fmt.Errorf("a transaction to an address of %d bytes", len(to))
		}
		t.to = (*ethereum.Address)(to)
	}
	return t, nil
}
