// Package golden runs the golden scripts of state machines in tests: text files
// of commands and of what came of them. It knows nothing of the machines.
package golden

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Machine is what a script drives.
type Machine interface {
	// Do runs a command and returns what came of it, in whole lines.
	Do(verb string, a Args) string
}

// Run runs the scripts in testdata, each with a machine of its own. A script
// is a list of blocks: one command, "verb key=value ...", a line "----", the
// expected output, an empty line. Lines that begin with # are comments. With
// update, the scripts get the output there is.
func Run(t *testing.T, update bool, newMachine func() Machine) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("scripts: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { run(t, file, update, newMachine()) })
	}
}

func run(t *testing.T, file string, update bool, m Machine) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for i, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		head, _, _ := strings.Cut(block, "\n----")
		lines := strings.Split(head, "\n")
		command := lines[len(lines)-1]
		if i > 0 {
			got.WriteString("\n")
		}
		got.WriteString(head + "\n")
		if !strings.HasPrefix(command, "#") {
			got.WriteString("----\n" + do(m, command))
		}
	}
	if update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got.String() != string(text) {
		t.Errorf("%s gives (run with -update to accept)\n%s", file, got.String())
	}
}

func do(m Machine, command string) string {
	fields := strings.Fields(command)
	a := Args{}
	for _, f := range fields[1:] {
		k, v, _ := strings.Cut(f, "=")
		a[k] = v
	}
	return m.Do(fields[0], a)
}

// Args are the arguments of a command.
type Args map[string]string

// Duration returns the named argument, or otherwise if it is none.
func (a Args) Duration(key string, otherwise time.Duration) time.Duration {
	d, err := time.ParseDuration(a[key])
	if err != nil {
		return otherwise
	}
	return d
}

// Int returns the named argument, or otherwise if it is none.
func (a Args) Int(key string, otherwise int) int {
	n, err := strconv.Atoi(a[key])
	if err != nil {
		return otherwise
	}
	return n
}

// Pointer returns the named argument, nil if it is not there.
func (a Args) Pointer(key string) *string {
	v, ok := a[key]
	if !ok {
		return nil
	}
	return &v
}
