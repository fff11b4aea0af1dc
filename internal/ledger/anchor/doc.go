// Package anchor puts checkpoints of the root log where nobody can take them
// back, and keeps the receipts: [Runner] submits, goes on with what is pending,
// and tells when nothing gets through. The places are packages below this one.
// Checking receipts is for package proof and those below it, not for this one.
package anchor
