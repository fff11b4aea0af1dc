// Package shared keeps the journal of a ledger that several nodes write: rounds
// in blocks, which are objects of a bucket. A round is written on condition that
// nobody has written since, so that all nodes have them in one order. Formats
// are in docs/format/ledger.md, reasons in docs/decisions/0017-shared-ledger.md.
//
// It orders rounds and knows nothing of trees and keys: package ledger checks
// what others have written and puts it into its files.
package shared
