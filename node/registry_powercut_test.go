package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/internal/schema"
	"github.com/evidentlog/evident/internal/schema/registry"
	"github.com/evidentlog/evident/internal/schema/registry/state"
	"github.com/evidentlog/evident/internal/schema/registry/subject"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/internal/vfs/vfstest"
)

// Whatever a node writes when the power fails: what was registered is there afterwards
// with its id, nothing is half there, and no id is given to a second schema.
func TestAPowerCutLeavesNoSchemaHalfRegistered(t *testing.T) {
	whole := vfs.NewFaulty(vfs.NewMem(), func(vfs.Op) error { return nil })
	synctest.Test(t, func(t *testing.T) {
		if err := newAuthor().use(t.Context(), whole); err != nil {
			t.Fatal(err)
		}
	})
	stride := max(1, whole.Mutations() / *powerCuts)
	for i, cut := range vfstest.Cuts() {
		t.Run(cut.Name, func(t *testing.T) {
			t.Parallel()
			for n := 1 + i*stride/len(vfstest.Cuts()); n <= whole.Mutations(); n += stride {
				t.Run(fmt.Sprint(n), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { cutRegistry(t, cut.Hook(n), cut.Keep(n)) })
				})
			}
		})
	}
}

func cutRegistry(t *testing.T, hook func(vfs.Op) error, keep vfs.Keep) {
	mem, a := vfs.NewMem(), newAuthor()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_ = a.use(ctx, vfs.NewFaulty(mem, func(op vfs.Op) error {
		err := hook(op)
		if err != nil {
			cancel() // a disk that is gone would be waited for
		}
		return err
	}))
	for range 2 {
		mem = mem.Crash(keep)
		if err := a.during(t.Context(), mem, a.recall, a.register); err != nil {
			t.Fatal(err)
		}
		keep = vfs.KeepNone
	}
}

// An author registers schemas, and remembers what he was told.
type author struct {
	registry *registry.Registry
	made     int            // schemas, each unlike all others
	ids      map[string]int // by text, of what was acknowledged
}

func newAuthor() *author { return &author{ids: map[string]int{}} }

func (a *author) use(ctx context.Context, disk vfs.FS) error {
	if err := a.during(ctx, disk, a.register, a.register, a.forget); err != nil {
		return err
	}
	return a.during(ctx, disk, a.recall, a.register)
}

// during starts a node with a registry, takes the steps, and stops it.
func (a *author) during(ctx context.Context, disk vfs.FS, steps ...func(context.Context) error) error {
	n, err := Start(ctx, Config{
		FS: disk, Data: "/data", Kafka: []Listener{}, HTTP: []Listener{}, Ledger: new(false),
		OffsetsPartitions: 1, TransactionsPartitions: 1, ShareStatePartitions: 1,
	})
	if err != nil {
		return err
	}
	a.registry = registry.New(registry.Config{
		Client: n.engine.Client, ReplicationFactor: -1, Languages: languages(), Instance: "node", Address: "http://node", Logger: slog.New(slog.DiscardHandler),
	})
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	ran := make(chan error, 1)
	go func() { ran <- a.registry.Run(life) }()
	for _, step := range steps {
		if err = step(ctx); err != nil {
			break
		}
	}
	end()
	return errors.Join(err, <-ran, n.Close())
}

// register registers a schema in two contexts, of which one may be new.
func (a *author) register(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if _, err := a.registry.Writer(ctx); err != nil {
		return err
	}
	for _, name := range []string{"s", fmt.Sprintf(":.c%d:s", a.made)} {
		a.made++
		text := fmt.Sprintf(`{"type":"fixed","name":"f","size":%d}`, a.made)
		w := registry.Wanted{ID: -1, Type: schema.Avro, Text: text}
		v, err := a.registry.Register(ctx, subject.Parse(name), w, registry.Options{Force: true})
		if err != nil {
			return err
		}
		a.ids[name+" "+text] = v.ID
	}
	return nil
}

// forget deletes what has the highest id of the default context for good: it is not
// given again.
func (a *author) forget(ctx context.Context) error {
	name := subject.Parse("gone")
	v, err := a.registry.Register(ctx, name, registry.Wanted{ID: -1, Type: schema.Avro, Text: `"int"`}, registry.Options{})
	if err != nil {
		return err
	}
	for _, permanent := range []bool{false, true} {
		if _, err := a.registry.DeleteSubject(ctx, name, permanent); err != nil {
			return err
		}
	}
	a.ids["gone"] = v.ID
	return nil
}

// recall holds what is registered against what was said.
func (a *author) recall(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if _, err := a.registry.Writer(ctx); err != nil { // it has read everything then
		return err
	}
	s, found := a.registry.State(), map[string]int{}
	for _, n := range s.Subjects(func(subject.Name) bool { return true }, state.All) {
		for _, v := range s.Versions(n, state.All) {
			found[n.String()+" "+v.Text] = v.ID
		}
	}
	for what, id := range a.ids {
		if what != "gone" && found[what] != id {
			return fmt.Errorf("%s had id %d, and has %d", what, id, found[what])
		}
		if what == "gone" && s.MaxID(subject.Default) < id {
			return fmt.Errorf("id %d was given, and the highest is %d", id, s.MaxID(subject.Default))
		}
	}
	for _, c := range s.Contexts() {
		if !s.Has(subject.Name{Context: c}, true) {
			return fmt.Errorf("context %s is there without its schema", c)
		}
	}
	return nil
}
