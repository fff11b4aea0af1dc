// Package opentimestamps anchors checkpoints in Bitcoin by way of
// OpenTimestamps' calendars. A calendar takes a digest at once and promises to
// have it in a block some hours later; what it tells then is a receipt that
// needs no calendar any more. Receipts are those of package
// proof/opentimestamps.
package opentimestamps
