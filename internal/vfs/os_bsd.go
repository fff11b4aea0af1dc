//go:build darwin || freebsd

package vfs

import "os"

// Sync is fsync(2), and on macOS F_FULLFSYNC, by way of package os.
func (f osFile) Sync() error { return f.File.Sync() }

// setDirect does nothing: these systems have no open flag with the guarantees
// of Linux' O_DIRECT, and aligned transfers work without.
func setDirect(*os.File) error { return nil }
