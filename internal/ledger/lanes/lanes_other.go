//go:build !amd64 || purego

package lanes

import "github.com/evidentlog/evident/proof"

// paired is false: there is no code for two messages at a time.
const paired = false

func pair(*proof.Hash, *proof.Hash, *byte, *byte, int) {}

func blocks(*state, *state, *byte, *byte, int) {}
