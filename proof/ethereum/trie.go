package ethereum

import (
	"errors"
	"fmt"

	"github.com/evidentlog/evident/proof/ethereum/rlp"
)

// errPath says that nodes are no path in the trie with a root.
var errPath = errors.New("the path does not lead from the root to the key: a part of it was altered, or it is another's")

// branchItems is how many items a branch of a Merkle Patricia trie has: sixteen
// children and a value. A leaf and an extension have two.
const branchItems = 17

// lookup returns the value of a key in the Merkle Patricia trie with a root. The
// nodes are those on the way, from the root down, and nothing else.
func lookup(root Hash, key []byte, nodes [][]byte) ([]byte, error) {
	path := nibbles(key)
	want := root
	for i, encoded := range nodes {
		if Sum(encoded) != want {
			return nil, fmt.Errorf("%w: node %d does not have the hash %v", errPath, i, want)
		}
		node, err := rlp.Parse(encoded)
		if err != nil {
			return nil, err
		}
		value, next, rest, err := follow(node, path)
		switch {
		case err != nil:
			return nil, fmt.Errorf("node %d: %w", i, err)
		case next != nil:
			want, path = *next, rest
		case i != len(nodes)-1:
			return nil, fmt.Errorf("%w: %d nodes follow the value", errPath, len(nodes)-1-i)
		default:
			return value, nil
		}
	}
	return nil, fmt.Errorf("%w: node %d is missing", errPath, len(nodes))
}

// follow walks from a node along a path, through the small nodes that stand
// within it, to a value or to the hash of the next node.
func follow(node rlp.Item, path []byte) (value []byte, next *Hash, rest []byte, err error) {
	for {
		items, err := node.Items(2, branchItems)
		if err != nil {
			return nil, nil, nil, err
		}
		var child rlp.Item
		switch {
		case len(items) == branchItems && len(path) > 0:
			child, path = items[path[0]], path[1:]
		case len(items) == 2:
			isLeaf, after, err := skip(items[0], path)
			if err != nil {
				return nil, nil, nil, err
			}
			if isLeaf {
				return items[1].Content, nil, nil, nil
			}
			child, path = items[1], after
		default: // keys are all of one length: none ends in a branch
			return nil, nil, nil, fmt.Errorf("%w: a node of %d items", errPath, len(items))
		}
		if child.IsList {
			node = child
			continue
		}
		hash, err := child.Bytes(len(Hash{}))
		if err != nil {
			return nil, nil, nil, fmt.Errorf("%w: there is nothing under the key", errPath)
		}
		return nil, (*Hash)(hash), path, nil
	}
}

// skip takes the part of a path that a leaf or an extension stands for.
func skip(item rlp.Item, path []byte) (isLeaf bool, rest []byte, err error) {
	if item.IsList || len(item.Content) == 0 {
		return false, nil, fmt.Errorf("%w: a node without a part of the path", errPath)
	}
	part := nibbles(item.Content)
	flags := part[0] // 2: a leaf; 1: an odd number of nibbles
	if flags > 3 || flags&1 == 0 && part[1] != 0 {
		return false, nil, fmt.Errorf("%w: a node with the flags %d", errPath, flags)
	}
	part = part[2-flags&1:]
	isLeaf = flags&2 != 0
	if len(part) > len(path) || string(part) != string(path[:len(part)]) || isLeaf != (len(part) == len(path)) || len(part) == 0 && !isLeaf {
		return false, nil, fmt.Errorf("%w: there is another key in its place", errPath)
	}
	return isLeaf, path[len(part):], nil
}

// nibbles returns the halves of bytes, the higher one first.
func nibbles(b []byte) []byte {
	all := make([]byte, 0, 2*len(b))
	for _, x := range b {
		all = append(all, x>>4, x&0xf)
	}
	return all
}
