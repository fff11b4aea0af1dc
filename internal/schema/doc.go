// Package schema has the words that the languages of schemas and the registry
// share: what a schema is, what it refers to, what it is to read what another
// has written, and what it is for a payload to match.
//
// The languages are packages below: avro, jsonschema and protobuf, each of
// which is a Language. They know nothing of subjects, ids and the network. What
// stores schemas and gives them out is the registry; what refuses records is
// the door that they come through. Rules and limits are explained in
// docs/decisions/0034-schemas.md.
package schema
