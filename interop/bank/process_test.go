package bank

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// actorVariable, in the environment, makes the test's program an actor.
const actorVariable = "EVIDENT_BANK_ACTOR"

func TestMain(m *testing.M) {
	if os.Getenv(actorVariable) == "" {
		os.Exit(m.Run())
	}
	if err := act(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "actor:", err)
		os.Exit(1)
	}
}

// process is an actor in a process of its own.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Scanner
}

// start starts an actor that ends with the test.
func start(t *testing.T, r role) *process {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(program)}
	p.cmd.Env = append(os.Environ(), actorVariable+"=1")
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.in, p.out = in, bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it has nothing to lose
		_ = p.cmd.Wait()
	})
	line, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	p.tell(string(line))
	return p
}

// tell sends a line, which a paused process finds when it goes on.
func (p *process) tell(line string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.in, line); err != nil {
		p.t.Fatalf("%q: %v", line, err)
	}
}

// heard is the next answer.
func (p *process) heard() string {
	p.t.Helper()
	if !p.out.Scan() {
		p.t.Fatalf("the process has ended: %v", p.out.Err())
	}
	return p.out.Text()
}

// answers compares the answer to a line that was sent.
func (p *process) answers(want, line string) {
	p.t.Helper()
	if got := p.heard(); got != want {
		p.t.Errorf("%s: %s, want %s", line, got, want)
	}
}

// want tells the process to do something and compares its answer.
func (p *process) want(answer string, words ...any) {
	p.t.Helper()
	line := strings.TrimSuffix(fmt.Sprintln(words...), "\n")
	p.tell(line)
	p.answers(answer, line)
}

// while repeats a line for as long as that is the answer to it, and then the
// answer must be "ok".
func (p *process) while(answer, line string) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(pulse) {
		p.tell(line)
		switch got := p.heard(); {
		case got == "ok":
			return
		case got != answer || time.Now().After(deadline):
			p.t.Fatalf("%s: %s", line, got)
		}
	}
}

// does is want of things that must go well.
func (p *process) does(words ...any) {
	p.t.Helper()
	p.want("ok", words...)
	if p.t.Failed() {
		p.t.FailNow()
	}
}

// pause stops the process where it is, as a long collection of garbage, a
// laptop's lid or a hypervisor does. When it returns none of its threads runs.
func (p *process) pause() {
	p.t.Helper()
	p.signal(syscall.SIGSTOP)
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(p.cmd.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		p.t.Fatalf("the process did not stop: status %#x, %v", status, err)
	}
}

// resume lets it go on. It does not know that it was paused.
func (p *process) resume() { p.signal(syscall.SIGCONT) }

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}
