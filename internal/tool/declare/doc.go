// Package declare is what the commands do that declare things and tell what is
// declared: apply, get, describe, delete, history and edit. They speak HTTP with a
// node, and know no kind by name: what is right, the node says.
package declare
