package vfstest

import "github.com/evidentlog/evident/internal/vfs"

// A Cut is one way in which the power goes at the nth operation that changes the
// disk: before it has its effect or after, and with what becomes of all that was
// not synced.
type Cut struct {
	Name string
	Hook func(n int) func(vfs.Op) error // for vfs.NewFaulty
	Keep func(n int) vfs.Keep           // for vfs.Mem.Crash
}

// Cuts are those that a test of crashes goes through. The same n gives the same
// filesystem again.
func Cuts() []Cut {
	return []Cut{
		{"undone, unsynced lost", vfs.CrashAt, func(int) vfs.Keep { return vfs.KeepNone }},
		{"done, unsynced kept", vfs.CrashAfter, func(int) vfs.Keep { return vfs.KeepAll }},
		{"undone, some kept", vfs.CrashAt, func(n int) vfs.Keep { return vfs.KeepRandom(uint64(n)) }},
		{"done, some kept", vfs.CrashAfter, func(n int) vfs.Keep { return vfs.KeepRandom(uint64(n) + 1<<32) }},
	}
}
