//go:build !unix

package bench

import (
	"context"
	"time"
)

// ownCPU reads the CPU time of this process.
func ownCPU(context.Context) (time.Duration, error) { return 0, ErrNoCPU }
