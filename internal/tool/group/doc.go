// Package group is what "evident group" does: listing, describing, resetting
// and deleting consumer groups and share groups. Each command is a struct whose fields are its
// flags and whose Run does it.
package group
