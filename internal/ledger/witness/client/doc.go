// Package client asks witnesses to cosign a log's checkpoints: C2SP's
// tlog-witness, for the witnesses of a tlog-policy. It never holds the log up.
//
// A cosignature is believed after it was verified with the policy's key. What
// else a witness says, the size that it has seen (409), that it refuses a
// checkpoint (422), is signed by nobody: it raises an alarm for people, and keeps
// a node from starting only if as many witnesses say so as the policy's quorum has,
// or if one is enough for the quorum, and no quorum has cosigned. A size is learned
// from it too; if that was wrong, the next answer tells. The time in a
// cosignature is the witness's word: when it is far off, an alarm says so.
//
// Which checkpoint is asked for, and what a refusal means, is told in
// docs/decisions/0011-witnesses.md.
package client
