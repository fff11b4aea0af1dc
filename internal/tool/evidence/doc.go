// Package evidence is the commands that get and check what proves a log's
// history: "evident prove" asks a node for a proof file, "evident verify" checks
// one without any node, "evident monitor" follows what a node signs.
package evidence
