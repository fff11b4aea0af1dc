package tree

import (
	"github.com/evidentlog/evident/internal/ledger/lanes"
	"github.com/evidentlog/evident/proof"
)

const (
	hashSize   = len(proof.Hash{})
	nodePrefix = 1 // before the two hashes of what is below a node (RFC 6962, section 2.1)
	nodeSize   = 1 + 2*hashSize
	nodePadded = 128

	// pairsAtOnce fit into the processor's cache with all else that is at hand.
	pairsAtOnce = 32
)

// pairs hashes what is below nodes to the nodes, some at a time.
type pairs struct {
	messages [pairsAtOnce * nodePadded]byte // with their padding
	sizes    [pairsAtOnce]int
}

func newPairs() *pairs {
	p := &pairs{}
	message := lanes.Pad(append([]byte{nodePrefix}, make([]byte, nodeSize-1)...), 0)
	for i := range p.sizes {
		p.sizes[i] = nodeSize
		copy(p.messages[i*nodePadded:], message)
	}
	return p
}

// hash sets nodes to the hashes of what is below them, two each. nodes may lie
// where the first half of below does, or one place after its beginning.
func (p *pairs) hash(nodes, below []proof.Hash) {
	for len(nodes) > 0 {
		n := min(len(nodes), pairsAtOnce)
		for i := range n {
			message := p.messages[i*nodePadded:][:nodeSize]
			copy(message[1:], below[2*i][:])
			copy(message[1+hashSize:], below[2*i+1][:])
		}
		lanes.Sum(nodes[:n], p.messages[:], p.sizes[:n])
		nodes, below = nodes[n:], below[2*n:]
	}
}
