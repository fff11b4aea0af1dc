package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/process/control"
	"github.com/evidentlog/evident/internal/process/dedup"
	"github.com/evidentlog/evident/internal/resource"
	"github.com/evidentlog/evident/internal/resource/deduplication"
)

// deduplicationKind is what can be declared of topics without duplicates, on a node whose
// program has processors of some names.
func deduplicationKind(client *kgo.Client, processors []string) resource.Kind {
	return deduplication.New(deduplication.Config{
		CheckName: func(name string) error {
			if slices.Contains(processors, name) {
				return fmt.Errorf("the program has a processor %q of its own", name)
			}
			return nil
		},
		DefaultKey: dedup.DefaultKey,
		CheckKey: func(text string) error {
			_, err := dedup.ParseKey(text)
			return err
		},
		Check: func(name string, s deduplication.Spec) error {
			_, err := deduplicate(name, s, nil)
			return err
		},
		Remove: func(ctx context.Context, name string) error { return control.Remove(ctx, client, name) },
	})
}

// deduplicate is the processor that is declared.
func deduplicate(name string, s deduplication.Spec, metrics *dedup.Metrics) (process.Processor, error) {
	cfg := dedup.Config{
		Name: name, Version: s.Number(), Input: s.Input, Output: s.Output,
		Limit: s.Limit, WithoutID: dedup.WithoutID(s.WithoutID), Standbys: s.Standbys, Metrics: metrics,
	}
	var err error
	if s.Key != "" {
		if cfg.Key, err = dedup.ParseKey(s.Key); err != nil {
			return process.Processor{}, err
		}
	}
	if s.Window != "" {
		if cfg.Window, err = time.ParseDuration(s.Window); err != nil {
			return process.Processor{}, err
		}
	}
	return dedup.New(cfg)
}

// deduplications are the processors that are declared.
func (n *Node) deduplications() []control.Code {
	var all []control.Code
	for _, r := range n.resources.service.State().Of(deduplication.Name) {
		code, err := n.deduplication(r)
		if err != nil {
			n.cfg.Logger.Error("what is declared cannot be read, and does not run", "resource", r.Key(), "error", err)
			continue
		}
		all = append(all, code)
	}
	return all
}

func (n *Node) deduplication(r *resource.Resource) (code control.Code, err error) {
	s, err := deduplication.Read(r)
	if err != nil {
		return code, err
	}
	code.Spec = steered(&s)
	if code.Processor, err = deduplicate(r.Metadata.Name, s, n.processors.dedup); err != nil {
		return code, err
	}
	s.Paused, s.VersionPaused = false, false // for which nothing begins anew
	text, err := json.Marshal(s)
	code.Mark = string(text)
	return code, err
}

// steered is how a de-duplication is to run.
func steered(s *deduplication.Spec) control.Spec {
	v := control.Version{Version: s.Number(), From: s.From, Paused: s.VersionPaused}
	if s.Continues != nil {
		v.Continues = *s.Continues
	}
	return control.Spec{Paused: s.Paused, Active: v.Version, Versions: []control.Version{v}}
}

// errDeclared says that a version of a de-duplication is no matter of orders.
var errDeclared = errors.New("nothing was done: its versions are what kind Deduplication declares of it: to begin another one, declare it with version and continues")

// changeDeduplication changes how one is to run: paused or not.
func changeDeduplication(r *resource.Resource, change func(*control.Spec) error) error {
	s, err := deduplication.Read(r)
	if err != nil {
		return err
	}
	spec := steered(&s)
	if err := change(&spec); err != nil {
		return err
	}
	if len(spec.Versions) != 1 || spec.Active != s.Number() || spec.Versions[0].Version != s.Number() {
		return errDeclared
	}
	s.Paused, s.VersionPaused = spec.Paused, spec.Versions[0].Paused
	r.Spec, err = json.Marshal(s)
	return err
}
