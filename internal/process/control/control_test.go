package control

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/evidentlog/evident/internal/process"
)

// stage is what a runner is told.
type stage struct {
	began, ended chan process.Processor
	admit        func(context.Context) error // of the latest
}

func (s *stage) RunAdmitted(ctx context.Context, p process.Processor, admit func(context.Context) error) error {
	s.admit = admit
	s.began <- p
	<-ctx.Done()
	s.ended <- p
	return nil
}

func code(name string, version int) process.Processor {
	return process.Processor{Name: name, Version: version, Inputs: []string{"in"}, New: func(process.Task) process.Handler { return nil }}
}

// directed is a controller that runs until the test ends.
func directed(t *testing.T, current func(context.Context) error, all ...process.Processor) (*Controller, *stage) {
	t.Helper()
	s := &stage{began: make(chan process.Processor, 10), ended: make(chan process.Processor, 10)}
	c, err := New(Config{Runner: s, Processors: all, Current: current, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c, s
}

func TestNothingRunsBeforeItIsKnownWhatIsDeclared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := directed(t, nil, code("p", 1))
		synctest.Wait()
		if len(s.began) > 0 {
			t.Fatal("it runs")
		}
		c.Declare(map[string]Spec{})
		if p := <-s.began; p.Version != 1 {
			t.Errorf("version %d runs", p.Version)
		}
	})
}

func TestWhatIsDeclaredRunsAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := directed(t, nil, code("p", 1))
		for _, step := range []struct {
			spec         Spec
			began, ended []int
		}{
			{Spec{}, []int{1}, nil},
			{Spec{Active: 1, Versions: []Version{{Version: 1}}}, nil, nil},
			{Spec{Active: 1, Versions: []Version{{Version: 1}, {Version: 2, From: "start"}}}, []int{2}, nil},
			{Spec{Active: 1, Versions: []Version{{Version: 1, Paused: true}, {Version: 2, From: "start"}}}, nil, []int{1}},
			{Spec{Active: 2, Versions: []Version{{Version: 2, From: "start", Continues: 1, At: map[string][]int64{"in": {5}}}}}, []int{2}, []int{2}},
			{Spec{Active: 2, Versions: []Version{{Version: 2, From: "start", Continues: 1, At: map[string][]int64{"in": {5}}}}}, nil, nil},
			{Spec{Paused: true}, nil, []int{2}},
		} {
			c.Declare(map[string]Spec{"p": step.spec})
			synctest.Wait()
			s.want(t, step.spec, s.began, step.began)
			s.want(t, step.spec, s.ended, step.ended)
		}
	})
}

func (s *stage) want(t *testing.T, spec Spec, from chan process.Processor, versions []int) {
	t.Helper()
	for _, want := range versions {
		select {
		case p := <-from:
			if p.Version != want {
				t.Errorf("%+v: version %d, want %d", spec, p.Version, want)
			}
		default:
			t.Errorf("%+v: nothing of version %d", spec, want)
		}
	}
	if len(from) > 0 {
		t.Errorf("%+v: version %d, too", spec, (<-from).Version)
	}
}

// What counts is what is declared when it is asked, not what this node has read by chance.
func TestAVersionIsAdmittedAsLongAsItIsDeclaredSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c *Controller
		var late atomic.Bool
		unknown := errors.New("the cluster does not answer")
		c, s := directed(t, func(context.Context) error {
			if late.Load() {
				c.Declare(map[string]Spec{"p": {Active: 1, Versions: []Version{{Version: 1, Paused: true}}}})
			}
			return nil
		}, code("p", 1))
		c.Declare(map[string]Spec{})
		<-s.began
		if err := s.admit(t.Context()); err != nil {
			t.Errorf("it is not admitted: %v", err)
		}
		late.Store(true)
		if err := s.admit(t.Context()); !errors.Is(err, errNotWanted) {
			t.Errorf("paused, and admitted with %v", err)
		}
		other, s2 := directed(t, func(context.Context) error { return unknown }, code("p", 1))
		other.Declare(map[string]Spec{})
		<-s2.began
		if err := s2.admit(t.Context()); !errors.Is(err, unknown) {
			t.Errorf("admitted with %v though it is not known", err)
		}
	})
}

func TestAVersionThatCannotBeginSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := directed(t, nil, code("p", 1))
		c.Declare(map[string]Spec{"p": {Versions: []Version{{Version: 1, From: "noon"}}}})
		synctest.Wait()
		if err := c.Failed("p", 1); !errors.Is(err, process.ErrInvalid) {
			t.Errorf("it has failed with %v", err)
		}
	})
}

func TestTwoOfOneNameAndVersionAreRefused(t *testing.T) {
	if _, err := New(Config{Processors: []process.Processor{code("p", 1), code("p", 1)}}); !errors.Is(err, process.ErrInvalid) {
		t.Errorf("got %v", err)
	}
	bad := code("p", 0)
	if _, err := New(Config{Processors: []process.Processor{bad}}); !errors.Is(err, process.ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

func TestOutputsAreWithheldAsDeclared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := directed(t, nil, code("p", 1))
		at := map[string][]int64{"in": {5}}
		cuts := []process.Cut{{Wall: 7, Event: 3}}
		c.Declare(map[string]Spec{"p": {Active: 3, Versions: []Version{
			{Version: 2, From: "start"}, {Version: 3, From: "latest", Continues: 1, At: at, Fired: cuts},
		}}})
		for range 2 {
			p := <-s.began
			switch w := p.Withhold; {
			case p.Version == 2 && (w == nil || w.Until != nil):
				t.Errorf("outputs of version 2, which does not count, are withheld so: %+v", w)
			case p.Version == 3 && (w == nil || w.Until["in"][0] != 5 || w.Fired[0] != cuts[0] || p.From.NotAfter["in"][0] != 5):
				t.Errorf("outputs of version 3, which continues another one, are withheld so: %+v", w)
			}
		}
		c.Declare(map[string]Spec{})
		if p := <-s.began; p.Withhold != nil {
			t.Errorf("outputs of the only version are withheld: %+v", p.Withhold)
		}
	})
}
