// Package evidence is the commands that get and check proofs: "evident prove"
// asks a node for a proof file, "evident verify" checks one without any node.
package evidence
