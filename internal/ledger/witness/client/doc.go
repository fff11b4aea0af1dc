// Package client asks witnesses to cosign a log's checkpoints: C2SP's
// tlog-witness, for the witnesses of a tlog-policy. It never holds the log up,
// and believes a witness only what its key has signed.
//
// Which checkpoint is asked for, and what a refusal means, is told in
// docs/decisions/0011-witnesses.md.
package client
