package tool

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/nearest"
)

// Topics returns the details of the named topics, all of which must be there. The error
// about one that is not names the nearest that is.
func Topics(ctx context.Context, adm *kadm.Client, names ...string) (kadm.TopicDetails, error) {
	details, err := adm.ListTopics(ctx, names...)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		d := details[name]
		if errors.Is(d.Err, kerr.UnknownTopicOrPartition) {
			return nil, UnknownTopic(ctx, adm, name)
		}
		if d.Err != nil {
			return nil, &RefusedError{Doing: fmt.Sprintf("use topic %q", name), Code: d.Err}
		}
	}
	return details, nil
}

// UnknownTopic is the error about a topic that is not there.
func UnknownTopic(ctx context.Context, adm *kadm.Client, name string) error {
	otherwise := fmt.Sprintf(`: create it with "evident topic create %s"`, name)
	details, err := adm.ListTopicsWithInternal(ctx)
	if err != nil {
		details = nil // the suggestion is a courtesy; the topic is missing either way
	}
	return &unknownError{kerr.UnknownTopicOrPartition,
		fmt.Sprintf("no topic named %q%s", name, nearest.Hint(name, details.Names(), otherwise))}
}

// UnknownGroup is the error about a group that is not there.
func UnknownGroup(ctx context.Context, adm *kadm.Client, name string) error {
	groups, err := adm.ListGroups(ctx)
	if err != nil {
		groups = nil // as in UnknownTopic
	}
	return &unknownError{kerr.GroupIDNotFound, fmt.Sprintf("no group named %q%s", name,
		nearest.Hint(name, groups.Groups(), `: "evident group list" lists them`))}
}

// UnknownUser is the error about a user that is not there.
func UnknownUser(ctx context.Context, adm *kadm.Client, name string) error {
	var names []string
	users, err := adm.DescribeUserSCRAMs(ctx)
	if err != nil {
		users = nil // as in UnknownTopic
	}
	for known := range users {
		names = append(names, known)
	}
	return &unknownError{kerr.ResourceNotFound, fmt.Sprintf("no user named %q%s", name,
		nearest.Hint(name, names, `: "evident user list" lists them`))}
}

// unknownError is a name that stands for nothing, in words.
type unknownError struct {
	code error
	text string
}

func (e *unknownError) Error() string { return e.text }
func (e *unknownError) Unwrap() error { return e.code }
