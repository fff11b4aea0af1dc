package node

import (
	"fmt"
	"net/http"
	"path/filepath"

	"github.com/evidentlog/evident/internal/bucket"
	"github.com/evidentlog/evident/internal/claim"
)

// claimsDir is the folder, in that of the node, with data of events that are too large
// for the log; what is coming in is in coming, below it.
const (
	claimsDir = "claims"
	coming    = "coming"
)

// validateClaims checks where data of large events is to be kept.
func (c *Config) validateClaims() error {
	if c.ClaimStore == "" {
		return nil
	}
	if _, err := bucket.ParsePlace(c.ClaimStore); err != nil {
		return fmt.Errorf("claim store: %w", err)
	}
	return nil
}

// startClaims opens the store of large data, if the node has one.
func (n *Node) startClaims() error {
	if !n.hasFolder() && n.cfg.ClaimStore == "" {
		return nil
	}
	store, err := n.openClaims()
	if err != nil {
		return fmt.Errorf("store of large data: %w", err)
	}
	n.claimStore = store
	n.claims, err = claim.NewAPI(store, n.cfg.FS, filepath.Join(n.cfg.Data, claimsDir, coming), claim.Guard{Keep: n.mayClaim, Read: n.mayRead})
	return err
}

func (n *Node) openClaims() (claim.Store, error) {
	if n.cfg.ClaimStore == "" {
		return claim.OpenFolder(n.cfg.FS, filepath.Join(n.cfg.Data, claimsDir))
	}
	place, err := bucket.ParsePlace(n.cfg.ClaimStore)
	if err != nil {
		return nil, err
	}
	b, err := bucket.New(bucket.Config{Place: place})
	return claim.NewBucket(b), err
}

// mayClaim tells why somebody may not have the node keep large data.
func (n *Node) mayClaim(r *http.Request) error {
	_, err := n.mayDeclare(r)
	return err
}
