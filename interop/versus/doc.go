// Versus puts the same load on ledgers that others wrote, and on a node of
// Evident, for interop/versus-ledgers.sh: it is a module of its own, as those need
// many others. It measures; that what they give can be verified is for their own
// tests, and interop/ledger.
package main
