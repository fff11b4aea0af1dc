// Package witness holds Evident to witnesses and logs that others wrote:
// litewitness cosigns the ledger of `evident serve` and refuses a fork of it,
// torchwood verifies what it cosigned, and `evident witness` cosigns a log of
// Tessera. What a folder of yesterday, and a copied one, come to is tried with
// both witnesses.
package witness
