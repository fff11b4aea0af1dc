// Package search finds records by what they say, and makes proofs of what it
// finds: it asks the index for candidates, reads them from the log, and keeps
// those that fit. It also reads for the index what that has not seen
// ([Searcher.Fill]).
//
// It decides nothing about who may search. What the index is made of is told in
// docs/format/index.md.
package search
