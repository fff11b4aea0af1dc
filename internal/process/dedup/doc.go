// Package dedup drops records whose id was seen before, within a window of time and
// number, exactly: the processor of the house that de-duplicates topics. What an id is
// says a key expression ([ParseKey]); what is kept, and why, docs/decisions/0031, and in
// which form docs/format/deduplication.md.
package dedup
