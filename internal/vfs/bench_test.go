package vfs_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/evidentlog/evident/internal/vfs"
)

// wrap is the size at which the benchmarks start over, in bytes.
const wrap = 64 << 20

func benchFile(b *testing.B, f vfs.FS, dir string, size int) vfs.File {
	file, err := f.Open(filepath.Join(dir, "f"), vfs.Create)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { file.Close() })
	b.SetBytes(int64(size))
	b.ReportAllocs()
	return file
}

func eachFS(b *testing.B, run func(*testing.B, vfs.FS, string)) {
	b.Run("mem", func(b *testing.B) { run(b, vfs.NewMem(), "/") })
	b.Run("os", func(b *testing.B) { run(b, vfs.OS(), b.TempDir()) })
}

func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{100, 4096, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			eachFS(b, func(b *testing.B, f vfs.FS, dir string) {
				file, p, off := benchFile(b, f, dir, size), make([]byte, size), int64(0)
				for b.Loop() {
					if _, err := file.WriteAt(p, off); err != nil {
						b.Fatal(err)
					}
					if off += int64(size); off > wrap {
						off = 0
						if err := file.Truncate(0); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for _, size := range []int{100, 4096, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			eachFS(b, func(b *testing.B, f vfs.FS, dir string) {
				file, p, off := benchFile(b, f, dir, size), make([]byte, size), int64(0)
				if _, err := file.WriteAt(make([]byte, wrap), 0); err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if _, err := file.ReadAt(p, off); err != nil {
						b.Fatal(err)
					}
					if off += int64(size); off+int64(size) > wrap {
						off = 0
					}
				}
			})
		})
	}
}

// BenchmarkMemSync is of a write with its Sync: an append, or within the file.
func BenchmarkMemSync(b *testing.B) {
	for _, c := range []struct {
		name string
		size int64
	}{{"append", 0}, {"rewrite", wrap}} {
		b.Run(c.name, func(b *testing.B) {
			file, p, off := benchFile(b, vfs.NewMem(), "/", 100), make([]byte, 100), int64(0)
			for b.Loop() {
				if off%wrap == 0 {
					if err := errors.Join(file.Truncate(0), second(file.WriteAt(make([]byte, c.size), 0))); err != nil {
						b.Fatal(err)
					}
					off = 0
				}
				if err := errors.Join(second(file.WriteAt(p, off)), file.Sync()); err != nil {
					b.Fatal(err)
				}
				off += 128
			}
		})
	}
}

func second(_ int, err error) error { return err }
