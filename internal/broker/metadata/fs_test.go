package metadata

import (
	"testing"

	"github.com/evidentlog/evident/internal/vfs"
)

// testFS is the disk: the folders come from t.TempDir.
func testFS(*testing.T) vfs.FS { return vfs.OS() }
