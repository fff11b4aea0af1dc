// Package demo runs "evident demo" in peace and while its node is killed: the numbers of
// the report are the same.
package demo

import (
	"bytes"
	"encoding/json"
	"flag"
	"os/exec"
	"reflect"
	"strconv"
	"testing"

	"github.com/evidentlog/evident/interop/evident"
)

var (
	kills    = flag.Int("kills", 10, "how often the node is killed")
	prebuilt = flag.String("program", "", "evident to run instead of building it")
)

// report runs the demo, and returns what of its report does not depend on speed.
func report(t *testing.T, program string, flags ...string) map[string]any {
	t.Helper()
	args := append([]string{"demo", "--exit", "-o", "json", "--data", t.TempDir(), "--listen-kafka", "127.0.0.1:0", "--listen-http", "127.0.0.1:0"}, flags...)
	cmd := exec.CommandContext(t.Context(), program, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, t.Output()
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(out.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"latency", "seconds", "ordersPerSecond", "eventsPerSecond", "proof", "kafka", "http", "data"} {
		delete(all, other)
	}
	return all
}

func TestTheNumbersAreTheSameWhenTheNodeIsKilled(t *testing.T) {
	program := *prebuilt
	if program == "" {
		var err error
		if program, err = evident.Build(t.Context(), t.TempDir()); err != nil {
			t.Fatal(err)
		}
	}
	want := report(t, program)
	got := report(t, program, "--kill", strconv.Itoa(*kills))
	if n := got["kills"]; n != float64(*kills) {
		t.Errorf("the node was killed %v times, want %d", n, *kills)
	}
	delete(want, "kills")
	delete(got, "kills")
	if !reflect.DeepEqual(got, want) {
		t.Errorf("killed:   %v\nin peace: %v", got, want)
	}
}
