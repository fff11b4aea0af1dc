package tool

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// completionTimeout is how long somebody who pressed Tab should wait.
const completionTimeout = time.Second

// TopicNames returns the names of topics for shell completion: none if the
// cluster does not answer at once.
func TopicNames(ctx context.Context, env Env) []string {
	env.Cluster.Timeout = min(env.Cluster.Timeout, completionTimeout)
	var names []string
	_ = env.Admin(ctx, func(ctx context.Context, adm *kadm.Client) error {
		topics, err := adm.ListTopics(ctx)
		names = topics.Names()
		return err
	})
	return names
}

// UserNames returns the names of users, as [TopicNames] does those of topics.
func UserNames(ctx context.Context, env Env) []string {
	env.Cluster.Timeout = min(env.Cluster.Timeout, completionTimeout)
	var names []string
	_ = env.Admin(ctx, func(ctx context.Context, adm *kadm.Client) error {
		users, err := adm.DescribeUserSCRAMs(ctx)
		for _, u := range users.Sorted() {
			names = append(names, u.User)
		}
		return err
	})
	return names
}

// GroupNames returns the names of consumer groups, as [TopicNames] does those
// of topics.
func GroupNames(ctx context.Context, env Env) []string {
	env.Cluster.Timeout = min(env.Cluster.Timeout, completionTimeout)
	var names []string
	_ = env.Admin(ctx, func(ctx context.Context, adm *kadm.Client) error {
		groups, err := adm.ListGroups(ctx)
		names = groups.Groups()
		return err
	})
	return names
}
