package evidenttest

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
)

// DiskOp is a kind of operation on the node's disk.
type DiskOp int

const (
	// AnyChange is each operation that changes the disk or makes changes durable.
	AnyChange DiskOp = iota
	// Write is writing to a file.
	Write
	// Sync is making a file, or the names in a folder, durable.
	Sync
	// Read is reading from a file.
	Read
)

// Errors that disks have.
var (
	// ErrDiskFull is what a full disk says.
	ErrDiskFull error = syscall.ENOSPC
	// ErrDiskBroken is what a disk says that can no more.
	ErrDiskBroken error = syscall.EIO
)

// DiskFault goes wrong on the node's disk.
type DiskFault struct {
	// On is the kind of operation.
	On DiskOp
	// File is a part of the path, such as "/orders-0/"; empty is all. Topics have a
	// folder a partition; the journal, where small batches go first, is apart.
	File string

	// When says which of these operations are hit.
	When

	// Err is what they fail with, such as [ErrDiskFull]. nil lets them succeed.
	Err error
	// AfterEffect has them take effect all the same.
	AfterEffect bool
	// Delay is how long they take.
	Delay time.Duration
	// CutPower cuts the node's power as they begin, with this loss, if it is not nil.
	CutPower *Loss
}

// FullDisk is a disk without space: nothing can be written.
func FullDisk() DiskFault { return DiskFault{On: Write, Err: ErrDiskFull} }

// FailingSync is a disk that cannot make anything durable.
func FailingSync() DiskFault { return DiskFault{On: Sync, Err: ErrDiskBroken} }

// SlowDisk is a disk whose syncs take d each.
func SlowDisk(d time.Duration) DiskFault { return DiskFault{On: Sync, Delay: d} }

// PowerCut is a power cut at the nth operation from now, from 1, that changes the disk.
func PowerCut(nth int, loss Loss) DiskFault {
	return DiskFault{When: When{Skip: nth - 1, Times: 1}, CutPower: &loss}
}

func (f DiskFault) check() error {
	switch {
	case f.Err == nil && f.Delay <= 0 && f.CutPower == nil:
		return errors.New("the fault does nothing: set Err, Delay or CutPower")
	case f.On < AnyChange || f.On > Read:
		return fmt.Errorf("DiskOp(%d) is none of the operations", int(f.On))
	}
	return f.When.check()
}

func (f *DiskFault) concerns(op vfs.Op) bool {
	if !strings.Contains(op.Name, f.File) {
		return false
	}
	switch f.On {
	case Write:
		return op.Kind == vfs.OpWrite
	case Sync:
		return op.Kind == vfs.OpSync || op.Kind == vfs.OpSyncDir
	case Read:
		return op.Kind == vfs.OpRead
	}
	return op.Kind.Mutates()
}
