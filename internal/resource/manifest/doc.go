// Package manifest reads files in which things are declared, YAML or JSON, one
// or many documents a file, and remembers where each value stood, so that what
// is found wrong with it later is told by file, line and column.
//
// It knows YAML and nothing of what is declared. The YAML is that of version
// 1.2's core schema without what makes a reader guess or pay: no merge keys, no
// tags of one's own, no keys that are not strings, no key twice, few aliases.
package manifest
