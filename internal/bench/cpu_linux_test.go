package bench

import (
	"os"
	"testing"
	"time"
)

func TestProcessAndOwnCPUAgree(t *testing.T) {
	for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); {
	}
	a, err := ProcessCPU(os.Getpid())(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := OwnCPU(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if a == 0 || (a-b).Abs() > 250*time.Millisecond {
		t.Errorf("process %v, own %v", a, b)
	}
}
