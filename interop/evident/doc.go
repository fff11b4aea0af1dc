// Package evident runs `evident serve` as a process of its own, for tests that
// kill it.
package evident
