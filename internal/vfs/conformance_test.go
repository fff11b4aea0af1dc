package vfs_test

import (
	"testing"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/internal/vfs/vfstest"
)

func TestOSConforms(t *testing.T) {
	vfstest.Run(t, func(t *testing.T) (vfs.FS, string) { return vfs.OS(), t.TempDir() })
}

func TestMemConforms(t *testing.T) {
	vfstest.Run(t, func(t *testing.T) (vfs.FS, string) { return vfs.NewMem(), "/" })
}

func TestMemConformsAfterCrash(t *testing.T) {
	vfstest.Run(t, func(t *testing.T) (vfs.FS, string) {
		m := vfs.NewMem()
		if err := m.MkdirAll("/data/dir"); err != nil {
			t.Fatal(err)
		}
		return m.Crash(vfs.KeepAll), "/data/dir"
	})
}

func TestFaultyWithoutFaultsConforms(t *testing.T) {
	vfstest.Run(t, func(t *testing.T) (vfs.FS, string) {
		return vfs.NewFaulty(vfs.NewMem(), func(vfs.Op) error { return nil }), "/"
	})
}
