// Package remote reads tiled logs (C2SP tlog-tiles) over HTTP: those of a node,
// and of any other program that serves them so. What it gives out through a
// [View] has been checked against a checkpoint; whose checkpoint is to be
// believed is the caller's to know (package proof, Trust.Open).
//
// Servers are not trusted: answers are bounded, requests end, and what fails is
// asked for again a few times, with longer and longer pauses.
package remote
