package ethereum

import (
	"errors"
	"fmt"
	"time"

	"github.com/evidentlog/evident/proof/ethereum/rlp"
)

// Limits of receipts. Paths on Ethereum itself have some nine nodes of up to 532
// bytes.
const (
	// MaxSize is how long a receipt can be, in bytes.
	MaxSize  = 1 << 16
	maxNodes = 65 // one for each nibble of a key, and a leaf
)

// receiptVersion begins a receipt.
const receiptVersion = "evident/ethereum/v1"

// A Receipt proves what is in a contract's storage after a block.
type Receipt struct {
	Contract Address
	Header   []byte   // of the block, as it is hashed
	Account  [][]byte // nodes from the header's state root to the contract's account
	Storage  [][]byte // nodes from the account's storage root to the slot with the digest
}

// Bytes returns the receipt as ParseReceipt reads it: a list in RLP.
func (r *Receipt) Bytes() []byte {
	return rlp.AppendList(nil,
		rlp.AppendString(nil, []byte(receiptVersion)),
		rlp.AppendString(nil, r.Contract[:]),
		rlp.AppendString(nil, r.Header),
		appendNodes(r.Account),
		appendNodes(r.Storage),
	)
}

func appendNodes(nodes [][]byte) []byte {
	var all []byte
	for _, n := range nodes {
		all = rlp.AppendString(all, n)
	}
	return rlp.AppendList(nil, all)
}

// ParseReceipt reads a receipt, which must be the whole of b. It checks the form
// only.
func ParseReceipt(b []byte) (*Receipt, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("a receipt of %d bytes, and at most %d are read", len(b), MaxSize)
	}
	outer, err := rlp.Parse(b)
	if err != nil {
		return nil, err
	}
	items, err := outer.Items(1, 16) // a later version may have more
	if err != nil {
		return nil, err
	}
	if version := string(items[0].Content); version != receiptVersion || items[0].IsList {
		return nil, fmt.Errorf("it begins with %.40q; a receipt that this program knows begins with %q", version, receiptVersion)
	}
	if len(items) != 5 || items[2].IsList {
		return nil, fmt.Errorf("%w: a receipt has a version, a contract, a header and two paths", rlp.ErrForm)
	}
	address, err := items[1].Bytes(len(Address{}))
	if err != nil {
		return nil, err
	}
	r := &Receipt{Contract: Address(address), Header: items[2].Content}
	account, err1 := parseNodes(items[3])
	storage, err2 := parseNodes(items[4])
	r.Account, r.Storage = account, storage
	return r, errors.Join(err1, err2)
}

func parseNodes(item rlp.Item) ([][]byte, error) {
	items, err := item.Items(1, maxNodes)
	if err != nil {
		return nil, err
	}
	var nodes [][]byte
	for _, it := range items {
		if it.IsList {
			return nil, fmt.Errorf("%w: a list where a node must be", rlp.ErrForm)
		}
		nodes = append(nodes, it.Content)
	}
	return nodes, nil
}

// A Block is what a header says.
type Block struct {
	Hash      Hash
	Number    uint64
	Time      time.Time
	StateRoot Hash
}

// Where fields stand in a header; later fields came with later rules of the chain.
const (
	stateRootField = 3
	numberField    = 8
	timeField      = 11
	leastFields    = 15
	mostFields     = 64
)

// ParseHeader reads a block's header.
func ParseHeader(raw []byte) (Block, error) {
	item, err := rlp.Parse(raw)
	if err != nil {
		return Block{}, err
	}
	fields, err := item.Items(leastFields, mostFields)
	if err != nil {
		return Block{}, err
	}
	root, err1 := fields[stateRootField].Bytes(len(Hash{}))
	number, err2 := fields[numberField].Uint()
	seconds, err3 := fields[timeField].Uint()
	if err := errors.Join(err1, err2, err3); err != nil {
		return Block{}, err
	}
	const year10000 = 253402300800
	if seconds >= year10000 {
		return Block{}, fmt.Errorf("the block's time is %d, after the year 9999", seconds)
	}
	return Block{Sum(raw), number, time.Unix(int64(seconds), 0).UTC(), Hash(root)}, nil
}
