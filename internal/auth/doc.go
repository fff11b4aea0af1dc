// Package auth knows who a client is: principals, the SASL mechanisms by which
// one is proven, the credentials that they are checked against, and the state
// of one connection's authentication ([Session]).
//
// It has no network and no storage: whoever uses it frames the messages and
// keeps the credentials. It does not say what a principal may do.
//
// docs/decisions/0007-authentication.md has the reasons.
package auth
