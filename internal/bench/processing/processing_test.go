package processing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/bench"
)

// childMode makes the test binary a child, as `evident bench process-child` is.
const childMode = "EVIDENT_BENCH_TEST_PROCESS_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childMode) == "" {
		os.Exit(m.Run())
	}
	if err := RunChild(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// small is a run that a test can wait for.
func small(t *testing.T, parts ...string) Config {
	t.Helper()
	t.Setenv(childMode, "1")
	return Config{
		Parts: parts, Dir: t.TempDir(), Program: []string{os.Args[0]}, Partitions: 2, Records: 5000, Keys: 50, Rounds: 1,
		Rate: 500, Duration: 200 * time.Millisecond, Timers: 200, FireRate: 1000, StateKeys: 5000,
	}
}

// All records are gone through, and nothing is left behind.
func TestRunMeasuresRatesAndLatency(t *testing.T) {
	cfg := small(t, Identity, Latency)
	res, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Identity) != 1 || len(res.Latency) != 1 || len(res.Count) != 0 {
		t.Fatalf("measured %+v", res)
	}
	if l := res.Latency[0]; l.EndToEnd.Count != 100 || l.EndToEnd.P50 <= 0 || l.FromInput.Count != 100 || l.FromInput.P50 > l.EndToEnd.P50 || l.Fsync.Count == 0 {
		t.Errorf("latency: %+v", l)
	}
	left, err := os.ReadDir(cfg.Dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	var text bytes.Buffer
	if err := res.WriteText(&text); err != nil || !strings.Contains(text.String(), "records of 100 bytes") {
		t.Errorf("%v in\n%s", err, text.String())
	}
}

// Records go through, with the broker beside them and without, and ids outlive a process.
func TestRunDedupMeasuresRatesAndMemory(t *testing.T) {
	few := small(t)
	cfg := DedupConfig{Dir: few.Dir, Program: few.Program, Partitions: 2, Records: 5000, IDs: 20_000, Rounds: 1}
	res, err := RunDedup(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Through) != 1 || len(res.Alone) != 1 || len(res.Memory) != 1 {
		t.Fatalf("measured %+v", res)
	}
	if m := res.Memory[0]; m.IDs != 20_000 || m.Filled <= 0 || m.Opened.Seconds <= 0 || m.Restored.Seconds <= 0 {
		t.Errorf("memory: %+v", m)
	}
	left, err := os.ReadDir(cfg.Dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	var text bytes.Buffer
	if err := res.WriteText(&text); err != nil || !strings.Contains(text.String(), "one in 10") {
		t.Errorf("%v in\n%s", err, text.String())
	}
	for _, cfg := range []DedupConfig{{Parts: []string{"speed"}}, {Again: 1}, {IDs: -1}, {Records: -1}} {
		if _, err := RunDedup(t.Context(), cfg); !errors.Is(err, bench.ErrConfig) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

func TestRunRefusesWhatItCannotMeasure(t *testing.T) {
	for _, cfg := range []Config{
		{Parts: []string{"speed"}}, {Records: -1}, {RecordSize: 7}, {Partitions: -1}, {Duration: -1}, {Input: "filled"},
	} {
		if _, err := Run(t.Context(), cfg); !errors.Is(err, bench.ErrConfig) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

// What happened before the first moment counts for nothing.
func TestARateIsThatBetweenTwoMoments(t *testing.T) {
	at := time.Now()
	first := moment{at: at, records: 1000, cpu: time.Second, broker: 4 * time.Second}
	last := moment{at: at.Add(2 * time.Second), records: 5000, cpu: 3 * time.Second, broker: 5 * time.Second}
	want := Rate{Records: 4000, Seconds: 2, RecordsPerSecond: 2000, CPU: 500, CPUWithBroker: 750}
	if got := between(first, last); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := between(first, first); got != (Rate{Records: 0}) {
		t.Errorf("between a moment and itself: %+v", got)
	}
}
