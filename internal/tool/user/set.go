package user

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/tool"
)

// Set is "evident user create" and "evident user passwd".
type Set struct {
	// Mechanisms are SCRAM mechanisms. None: all for a new user, those that it has
	// for another.
	Mechanisms []string
	// Iterations of PBKDF2, 4096 to 16384.
	Iterations int32
	// Password tells where the password is.
	Password Password
}

// Result is what became of the user.
type Result struct {
	Summary
	// Password is there if it was generated.
	Password string `json:"password,omitempty"`
}

// Create makes a user, of whom there must be none yet, and prints it.
func (s Set) Create(ctx context.Context, env tool.Env, name string) error {
	chosen, err := mechanisms(s.Mechanisms)
	if err != nil {
		return err
	}
	return s.run(ctx, env, name, "created", func(ctx context.Context, adm *kadm.Client) ([]kadm.ScramMechanism, error) {
		users, err := adm.DescribeUserSCRAMs(ctx, name)
		if err == nil && users[name].Err == nil {
			err = fmt.Errorf(`cannot create user %q: it exists already: change its password with "evident user passwd"`, name)
		}
		if err == nil && !errors.Is(users[name].Err, kerr.ResourceNotFound) {
			err = &tool.RefusedError{Doing: fmt.Sprintf("create user %q", name), Code: users[name].Err, Message: users[name].ErrMessage}
		}
		return chosen, err
	})
}

// Change gives a user another password and prints the user.
func (s Set) Change(ctx context.Context, env tool.Env, name string) error {
	chosen, err := mechanisms(s.Mechanisms)
	if err != nil {
		return err
	}
	return s.run(ctx, env, name, "changed the password of", func(ctx context.Context, adm *kadm.Client) ([]kadm.ScramMechanism, error) {
		users, err := describe(ctx, adm, name)
		if err != nil || len(s.Mechanisms) > 0 {
			return chosen, err
		}
		var has []kadm.ScramMechanism
		for _, c := range users[0].CredInfos {
			has = append(has, c.Mechanism)
		}
		return has, nil
	})
}

// run sets the password for the mechanisms that find returns.
func (s Set) run(ctx context.Context, env tool.Env, name, verb string, find func(context.Context, *kadm.Client) ([]kadm.ScramMechanism, error)) error {
	password, err := s.Password.read(env, name) // first: a person may take longer than a cluster
	if err != nil {
		return err
	}
	result := Result{Summary: Summary{User: name}}
	if s.Password.Generate {
		result.Password = password
	}
	err = env.Admin(ctx, func(ctx context.Context, adm *kadm.Client) error {
		chosen, err := find(ctx, adm)
		if err != nil {
			return err
		}
		for _, m := range chosen { // one by one: a request can change a user once
			answers, err := adm.AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{{User: name, Mechanism: m, Iterations: s.Iterations, Password: password}})
			if err := changed("set the password of user", answers, err); err != nil {
				return err
			}
			result.Credentials = append(result.Credentials, Credential{m.String(), s.Iterations})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return env.Print(result, func(w io.Writer) {
		var names []string
		for _, c := range result.Credentials {
			names = append(names, c.Mechanism)
		}
		fmt.Fprintf(w, "%s %s for %s\n", verb, name, strings.Join(names, " and "))
		if result.Password != "" {
			fmt.Fprintf(w, "password: %s\n", result.Password)
		}
	})
}
