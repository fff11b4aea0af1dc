//go:build !linux

package bench

import "os"

// syncData makes a file's bytes and its size survive a power cut.
func syncData(f *os.File) error { return f.Sync() }
