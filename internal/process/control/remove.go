package control

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process/group"
)

// Remove removes the positions and the changelogs of all versions of a processor, once
// nobody runs them any more. Dead letters stay.
func Remove(ctx context.Context, client *kgo.Client, name string) error {
	adm := kadm.NewClient(client)
	versions, err := versionsOf(ctx, adm, name)
	if err != nil {
		return err
	}
	for version := range versions {
		if err := awaitStopped(ctx, client, group.Name(name, version)); err != nil {
			return err
		}
		if err := remove(ctx, adm, name, version); err != nil {
			return err
		}
	}
	return nil
}

// versionsOf are the versions of which there is a group or a changelog.
func versionsOf(ctx context.Context, adm *kadm.Client, name string) (map[int]bool, error) {
	versions := map[int]bool{}
	groups, err := adm.ListGroups(ctx)
	if err != nil {
		return nil, fmt.Errorf("groups: %w", err)
	}
	for _, g := range groups.Groups() {
		if n, ok := versionOf(name, g); ok {
			versions[n] = true
		}
	}
	topics, err := adm.ListTopicsWithInternal(ctx)
	if err != nil {
		return nil, fmt.Errorf("topics: %w", err)
	}
	for _, t := range topics.Names() {
		if n, ok := versionOf(name, t); ok && t == group.Changelog(name, n) {
			versions[n] = true
		}
	}
	return versions, nil
}

// versionOf is the version whose group, or whose topic, has a name.
func versionOf(processor, name string) (version int, ok bool) {
	rest, ok := strings.CutPrefix(name, group.Prefix+processor+".")
	if !ok {
		return 0, false
	}
	number, _, _ := strings.Cut(rest, ".")
	version, err := strconv.Atoi(number)
	if err != nil || name != group.Name(processor, version) && name != group.Changelog(processor, version) {
		return 0, false
	}
	return version, true
}

// awaitStopped waits until a group has no members.
func awaitStopped(ctx context.Context, client *kgo.Client, name string) error {
	for {
		_, err := Stopped(ctx, client, name)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func remove(ctx context.Context, adm *kadm.Client, name string, version int) error {
	topics, err := adm.DeleteTopics(ctx, group.Changelog(name, version))
	if err == nil {
		err = topics.Error()
	}
	if err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
		return fmt.Errorf("changelog of version %d: %w", version, err)
	}
	groups, err := adm.DeleteGroups(ctx, group.Name(name, version))
	if err == nil {
		err = groups.Error()
	}
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return fmt.Errorf("positions of version %d: %w", version, err)
	}
	return nil
}
