// Package registry is a schema registry with the rules of Confluent's: what is
// registered under which subject and id, what may follow what, and who may change it.
// It is kept in the topic _schemas, which one node at a time writes and every node
// follows.
//
// It knows languages of schemas by the interface that package schema has for them, and
// speaks no HTTP (package rest does). docs/decisions/0035-schema-registry.md says why it
// is as it is.
package registry
