package node

import (
	"fmt"
	"strconv"

	"github.com/evidentlog/evident/internal/ledger/opening"
)

// wasErased returns an error that says when a record was erased, and by whom;
// nil if it was not. The topic need not be there any more.
func (p *provable) wasErased(at opening.Place) error {
	origin, err := p.Newest(at.Topic, strconv.Itoa(int(at.Partition)))
	if err != nil {
		return nil // no tree, no erasure
	}
	if err := p.WasErased(origin, at.Offset); err != nil {
		return fmt.Errorf("%s/%d: %w", at.Topic, at.Partition, err)
	}
	return nil
}
