// Package user is what "evident user" does: creating, listing and deleting users,
// and changing their passwords, by the SCRAM admin keys (KIP-554). Each command is
// a struct whose fields are its flags and whose Run does it.
//
// Passwords do not leave the command: what is sent is what PBKDF2 makes of them.
package user

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/auth"
	"github.com/evidentlog/evident/internal/tool"
)

// DefaultIterations is the default of Set.Iterations, the most that Kafka allows.
const DefaultIterations = auth.DefaultIterations

// Summary is a user as "user list" shows it.
type Summary struct {
	User        string       `json:"user"`
	Credentials []Credential `json:"credentials"`
}

// Credential is one of a user's, without what it consists of.
type Credential struct {
	Mechanism  string `json:"mechanism"`
	Iterations int32  `json:"iterations"`
}

func summary(u kadm.DescribedUserSCRAM) Summary {
	s := Summary{User: u.User, Credentials: []Credential{}}
	for _, c := range u.CredInfos {
		s.Credentials = append(s.Credentials, Credential{c.Mechanism.String(), c.Iterations})
	}
	return s
}

// describe returns the named users, or all. Those that are named must be there.
func describe(ctx context.Context, adm *kadm.Client, names ...string) ([]kadm.DescribedUserSCRAM, error) {
	users, err := adm.DescribeUserSCRAMs(ctx, names...)
	if err != nil {
		return nil, err
	}
	for _, u := range users.Sorted() {
		switch {
		case errors.Is(u.Err, kerr.ResourceNotFound):
			return nil, tool.UnknownUser(ctx, adm, u.User)
		case u.Err != nil:
			return nil, &tool.RefusedError{Doing: fmt.Sprintf("describe user %q", u.User), Code: u.Err, Message: u.ErrMessage}
		}
	}
	return users.Sorted(), nil
}

// mechanisms reads names of SCRAM mechanisms; none are all.
func mechanisms(names []string) ([]kadm.ScramMechanism, error) {
	if len(names) == 0 {
		return []kadm.ScramMechanism{kadm.ScramSha256, kadm.ScramSha512}, nil
	}
	var all []kadm.ScramMechanism
	for _, name := range names {
		m, err := auth.ParseMechanism(name)
		if err != nil || m.Number() == 0 {
			return nil, tool.Usagef("--mechanism: %q will not do: want SCRAM-SHA-256 or SCRAM-SHA-512", name)
		}
		all = append(all, kadm.ScramMechanism(m.Number()))
	}
	return all, nil
}

// changed checks the answer to a change of credentials.
func changed(doing string, answers kadm.AlteredUserSCRAMs, err error) error {
	if err != nil {
		return err
	}
	var refused []error
	for _, a := range answers.Sorted() {
		if a.Err != nil {
			refused = append(refused, &tool.RefusedError{Doing: fmt.Sprintf("%s %q", doing, a.User), Code: a.Err, Message: a.ErrMessage})
		}
	}
	return errors.Join(refused...)
}
