package node

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/evidentlog/evident/internal/auth/token"
	"github.com/evidentlog/evident/internal/problem"
)

// errOnlyHere says that data is read on the node's machine only.
var errOnlyHere = errors.New("this node has no token, and gives data to programs on its own machine only: start it with --http-token-file, the same file for all nodes of the cluster")

// mayRead tells why a request may not read data, which is records and what was made of
// them: whoever is on the machine may, and from elsewhere who has the node's token, or
// another node that has the same.
func (n *Node) mayRead(r *http.Request) error {
	elsewhere := token.Local(r)
	if elsewhere == nil {
		return nil
	}
	err := errOnlyHere
	if n.token.String() != "" {
		err = n.shown(r)
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w; only on the node's machine data is read without, and %w", err, elsewhere)
}

// reads guards what answers with data.
func (n *Node) reads(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := n.mayRead(r); err != nil {
			problem.Unauthorized(w, err)
			return
		}
		next(w, r)
	}
}

// shown tells why a request shows neither the node's token nor what another node makes
// of the same one for this one.
func (n *Node) shown(r *http.Request) error {
	if n.token.For(peerPurpose(n.httpURL())).Check(r) == nil {
		return nil
	}
	return n.token.Check(r)
}
