package processors

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/evidentlog/evident/interop/evident"
)

// A worker is a process that runs the processor. It keeps its address and its folder.
type worker struct {
	t       *testing.T
	program string
	flags   []string
	data    string // also its name in notes
	log     string
	cmd     *exec.Cmd
}

// build makes the program that workers run.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "worker")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./worker").CombinedOutput(); err != nil {
		t.Fatalf("building the worker: %v\n%s", err, out)
	}
	return program
}

// newWorker starts a worker.
func newWorker(t *testing.T, program, processor string, standbys int) *worker {
	t.Helper()
	web, err := evident.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	w := &worker{t: t, program: program, data: filepath.Join(folder, "data"), log: filepath.Join(folder, "log")}
	w.flags = []string{
		"-kafka", brokers(t), "-replicas", fmt.Sprint(brokerCount(t)), "-data", w.data, "-http", web,
		"-processor", processor, "-standbys", fmt.Sprint(standbys),
	}
	w.start()
	t.Cleanup(func() {
		_ = w.cmd.Process.Kill() // it may have ended
		_ = w.cmd.Wait()
		if t.Failed() {
			t.Logf("%s said last:\n%s", w.data, w.said())
		}
	})
	return w
}

// start starts the worker, which may have run before, and waits until it serves.
func (w *worker) start() {
	w.t.Helper()
	log, err := os.OpenFile(w.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	w.cmd = exec.Command(w.program, w.flags...)
	w.cmd.Stderr = log
	out, err := w.cmd.StdoutPipe()
	if err == nil {
		err = w.cmd.Start()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	_ = log.Close() // the process has it
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		w.t.Fatalf("the worker ended before it served: %v\n%s", err, w.said())
	}
}

// kill ends the worker at once (SIGKILL).
func (w *worker) kill() {
	w.t.Helper()
	w.signal(syscall.SIGKILL)
	_ = w.cmd.Wait() // it was killed
	if s, ok := w.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !s.Signaled() {
		w.t.Fatalf("the worker had ended by itself: %v\n%s", w.cmd.ProcessState, w.said())
	}
}

// stop ends the worker in order.
func (w *worker) stop() {
	w.t.Helper()
	w.signal(syscall.SIGTERM)
	if err := w.cmd.Wait(); err != nil {
		w.t.Fatalf("the worker was told to end: %v\n%s", err, w.said())
	}
}

// pause holds the worker up for a time, and lets it go.
func (w *worker) pause(d time.Duration) {
	w.t.Helper()
	w.signal(syscall.SIGSTOP)
	time.Sleep(d)
	w.signal(syscall.SIGCONT)
}

func (w *worker) signal(s syscall.Signal) {
	w.t.Helper()
	if err := w.cmd.Process.Signal(s); err != nil {
		w.t.Fatalf("%v: %v\n%s", s, err, w.said())
	}
}

// said is the end of the worker's log.
func (w *worker) said() []byte {
	text, err := os.ReadFile(w.log)
	if err != nil {
		return []byte(err.Error())
	}
	return text[max(0, len(text)-8192):]
}
