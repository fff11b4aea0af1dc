//go:build !unix

package bench

import (
	"context"
	"time"
)

// OwnCPU reads the CPU time of this process.
func OwnCPU(context.Context) (time.Duration, error) { return 0, ErrNoCPU }
