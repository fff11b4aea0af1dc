package vfs

import "fmt"

// OpKind says what an [Op] does.
type OpKind int

// The operations of [FS] and [File] that [Faulty] can fail.
const (
	OpOpen     OpKind = iota // Open without Create
	OpCreate                 // Open with Create, whether or not the file exists
	OpRead                   // ReadAt
	OpWrite                  // WriteAt
	OpSync                   // Sync
	OpTruncate               // Truncate
	OpSize                   // Size
	OpMkdir                  // MkdirAll
	OpRemove                 // Remove and RemoveAll
	OpRename                 // Rename
	OpStat                   // Stat
	OpReadDir                // ReadDir
	OpSyncDir                // SyncDir
	OpLock                   // Lock, which may create the file
	OpSpace                  // Space
)

var opNames = [...]string{
	OpOpen: "open", OpCreate: "create", OpRead: "read", OpWrite: "write",
	OpSync: "sync", OpTruncate: "truncate", OpSize: "size", OpMkdir: "mkdir",
	OpRemove: "remove", OpRename: "rename", OpStat: "stat",
	OpReadDir: "readdir", OpSyncDir: "syncdir", OpLock: "lock", OpSpace: "space",
}

func (k OpKind) String() string {
	if k < 0 || int(k) >= len(opNames) {
		return fmt.Sprintf("OpKind(%d)", int(k))
	}
	return opNames[k]
}

// Mutates tells if the operation changes what is on the disk, or what of it
// survives a power cut.
func (k OpKind) Mutates() bool {
	switch k {
	case OpOpen, OpRead, OpSize, OpStat, OpReadDir, OpSpace:
		return false
	}
	return true
}

// Op is one operation that a [Faulty] is about to do.
type Op struct {
	Kind OpKind
	// Name is the file or folder as the caller named it, and NewName what
	// OpRename makes of it.
	Name, NewName string
	// Offset and Len are, in bytes, what OpRead and OpWrite transfer. Offset is
	// the size that OpTruncate sets.
	Offset int64
	Len    int
	// N counts the operations that mutate, from 1. Of another operation it is
	// the number of those before it.
	N int
}
