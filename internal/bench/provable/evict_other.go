//go:build !linux

package provable

// evictFile does nothing: there is no way that all systems have. So times from
// disk are those with the cache.
func evictFile(string) error { return nil }
