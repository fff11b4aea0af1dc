package bench

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
)

// discardMode makes the test binary a discarding server, as `evident bench
// discard` is: the last argument is the number of partitions.
const discardMode = "EVIDENT_BENCH_TEST_DISCARD"

func TestMain(m *testing.M) {
	if os.Getenv(discardMode) == "" {
		os.Exit(m.Run())
	}
	partitions, err := strconv.ParseInt(os.Args[len(os.Args)-1], 10, 32)
	if err == nil {
		err = RunDiscard(context.Background(), int32(partitions), os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// discardCommand runs the test binary as a discarding server.
func discardCommand(t *testing.T) []string {
	t.Helper()
	t.Setenv(discardMode, "1")
	return []string{os.Args[0]}
}
