// Package monitor follows the root log of a deployment that somebody else runs,
// and the trees of partitions under it, and raises an alarm when what was signed
// is rewritten, contradicts itself, or stops. It reads what is public: no record
// and no salt.
//
// What it has seen is durable before it is acted on (docs/format/monitor.md), so
// that a log cannot be rewritten while the monitor is down.
//
// It does not compare records with the ledger: that is package audit.
package monitor
