package transaction

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata")

// TestScripts runs the golden scripts in testdata. A script is a list of
// blocks: one command, a line "----", the expected output, an empty line. Lines
// that begin with # are comments. The commands are the methods of script.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("scripts: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runScript(t, file) })
	}
}

func runScript(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{freshID: 100}
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
			got.WriteString("----\n" + s.run(command))
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got.String() != string(text) {
		t.Errorf("%s gives (run with -update to accept)\n%s", file, got.String())
	}
}

// script drives one transactional id. What a step stores is durable at once.
type script struct {
	now     int64
	freshID int64
	v       *Value
}

// run runs a command, "verb key=value ...", and returns what came of it.
func (s *script) run(command string) string {
	fields := strings.Fields(command)
	a := args{}
	for _, f := range fields[1:] {
		k, v, _ := strings.Cut(f, "=")
		a[k] = v
	}
	verbs := map[string]func(args) string{
		"new": s.create, "init": s.init, "add": s.add, "verify": s.verify, "commit": s.commit, "abort": s.abort,
		"fence": s.fence, "complete": s.complete, "epoch": s.epoch, "restart": s.restart, "pass": s.pass,
	}
	verb, ok := verbs[fields[0]]
	if !ok {
		return "unknown command " + fields[0] + "\n"
	}
	out := verb(a)
	return out + s.state() + "\n"
}

type args map[string]string

func (a args) int(key string, otherwise int) int {
	n, err := strconv.Atoi(a[key])
	if err != nil {
		return otherwise
	}
	return n
}

// producer reads who=id/epoch; nobody if there is none.
func (a args) producer() Producer {
	p := None
	if a["who"] != "" {
		fmt.Sscanf(a["who"], "%d/%d", &p.ID, &p.Epoch)
	}
	return p
}

func (a args) partitions() []Partition {
	var ps []Partition
	for name := range strings.SplitSeq(a["to"], ",") {
		topic, number, _ := strings.Cut(name, "-")
		n, _ := strconv.Atoi(number)
		ps = append(ps, Partition{topic, int32(n)})
	}
	return ps
}

func (s *script) fresh() int64 {
	s.freshID++
	return s.freshID
}

// nextID is the fresh id that a request brings, unless it says id=none.
func (s *script) nextID(a args) int64 {
	if a["id"] == "none" {
		return NoID
	}
	return s.freshID + 1
}

func (s *script) create(args) string {
	s.v = New(s.fresh(), s.now)
	return ""
}

// init [who=id/epoch] [timeout=ms] [id=none]
func (s *script) init(a args) string {
	return s.step(s.v.Init(s.now, InitRequest{Timeout: int32(a.int("timeout", 1000)), Expected: a.producer(), FreshID: s.nextID(a)}))
}

// add who=id/epoch to=topic-partition,... [version=2]
func (s *script) add(a args) string {
	return s.step(s.v.Add(s.now, a.producer(), a.partitions(), Version(a.int("version", 2))))
}

func (s *script) verify(a args) string { return s.step(s.v.Verify(a.producer(), a.partitions())) }

// commit and abort: who=id/epoch [version=2] [id=none]
func (s *script) commit(a args) string { return s.end(a, true) }
func (s *script) abort(a args) string  { return s.end(a, false) }

func (s *script) end(a args, commit bool) string {
	return s.step(s.v.End(s.now, EndRequest{a.producer(), commit, Version(a.int("version", 2)), s.nextID(a)}))
}

// fence [id=none]
func (s *script) fence(a args) string { return s.step(s.v.Fence(s.now, s.nextID(a))) }

func (s *script) complete(args) string { return s.step(Step{Next: s.v.Complete(s.now)}) }

// epoch to=n moves the epoch, to come to the last one quickly.
func (s *script) epoch(a args) string {
	v := *s.v
	v.Producer.Epoch = int16(a.int("to", 0))
	s.v = &v
	return ""
}

// restart forgets what is not stored.
func (s *script) restart(args) string {
	v := *s.v
	v.LastEpoch = noEpoch
	s.v = &v
	return ""
}

// pass by=duration
func (s *script) pass(a args) string {
	d, _ := time.ParseDuration(a["by"])
	s.now += d.Milliseconds()
	return fmt.Sprintf("timed out %v, expired after 1 s %v\n", s.v.TimedOut(s.now), s.v.Expired(s.now, 1000))
}

// step tells what a step says, and makes what it stores durable.
func (s *script) step(st Step) string {
	switch {
	case st.Err != nil:
		return st.Err.Message + "\n"
	case st.Wait:
		return "wait\n"
	case st.NeedID:
		return "needs an id\n"
	case st.Next == nil:
		return "ok" + who(st) + "\n"
	}
	s.v = st.Next
	s.freshID = max(s.freshID, s.v.Producer.ID, s.v.NextID)
	if st.Again {
		return "store, then again\n"
	}
	return "store, then ok" + who(st) + "\n"
}

func who(st Step) string {
	if st.Producer == (Producer{}) {
		return ""
	}
	return fmt.Sprintf(" as %d/%d", st.Producer.ID, st.Producer.Epoch)
}

// state is one line about the value.
func (s *script) state() string {
	v := s.v
	text := fmt.Sprintf("%v %d/%d last=%d previous=%d", v.State, v.Producer.ID, v.Producer.Epoch, v.LastEpoch, v.PreviousID)
	if v.NextID != NoID {
		text += fmt.Sprintf(" next=%d", v.NextID)
	}
	for _, p := range v.Partitions.Sorted() {
		text += fmt.Sprintf(" %s-%d", p.Topic, p.Number)
	}
	return text
}
