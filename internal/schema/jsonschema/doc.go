// Package jsonschema is the language of JSON Schemas, drafts 4, 6, 7, 2019-09
// and 2020-12: it reads them, says whether what was valid by one is valid by
// another as Confluent's registry does, and checks payloads.
//
// A schema is compiled by santhosh-tekuri/jsonschema, which passes the official
// suite. What that library does not do stands here: texts, references that come
// from a registry and nowhere else, compatibility, and bounds on what a schema
// or a payload may cost.
package jsonschema
