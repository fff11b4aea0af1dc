package broker

import (
	"context"
	"maps"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/auth"
)

// Limits on what a user can be.
const (
	// maxUserBytes is what SASL names must be able to have (RFC 4616).
	maxUserBytes = 255
	// maxSecretBytes bounds salts and salted passwords; Kafka's have up to 64.
	maxSecretBytes = 255
)

// alterUserScramCredentials deletes and sets credentials (KIP-554). A user can
// be changed once in a request. What is right is done, all at once.
func (b *Broker) alterUserScramCredentials(_ context.Context, _ *call, req *kmsg.AlterUserSCRAMCredentialsRequest) kmsg.Response {
	a := &userAlterations{changed: make(map[string]auth.Credentials), errs: make(map[string]error)}
	err := b.store.AlterUsers(func(users *auth.Users) map[string]auth.Credentials {
		a.users = users
		for i := range req.Deletions {
			a.alter(req.Deletions[i].Name, func(c auth.Credentials) error { return withdraw(c, &req.Deletions[i]) })
		}
		for i := range req.Upsertions {
			a.alter(req.Upsertions[i].Name, func(c auth.Credentials) error { return grant(c, &req.Upsertions[i]) })
		}
		return a.changed
	})
	return a.response(req, err)
}

// userAlterations are the changes of one request.
type userAlterations struct {
	users   *auth.Users
	order   []string
	changed map[string]auth.Credentials
	errs    map[string]error // by user; nil: changed
}

// alter lets change alter a copy of the user's credentials. A user's first error
// stays.
func (a *userAlterations) alter(name string, change func(auth.Credentials) error) {
	err, again := a.errs[name]
	switch {
	case !again:
		a.order = append(a.order, name)
	case err != nil:
		return
	default:
		delete(a.changed, name)
		a.errs[name] = refuse(kerr.DuplicateResource, "user %q is altered more than once in this request", name)
		return
	}
	credentials := maps.Clone(a.users.Get(name))
	if credentials == nil {
		credentials = make(auth.Credentials)
	}
	if err = checkUser(name); err == nil {
		err = change(credentials)
	}
	if a.errs[name] = err; err == nil {
		a.changed[name] = credentials
	}
}

func checkUser(name string) error {
	switch {
	case name == "":
		return refuse(kerr.UnacceptableCredential, "a user's name cannot be empty")
	case len(name) > maxUserBytes:
		return refuse(kerr.UnacceptableCredential, "a user's name has at most %d bytes, this one %d", maxUserBytes, len(name))
	case !utf8.ValidString(name):
		return refuse(kerr.UnacceptableCredential, "the user's name %q is not UTF-8", name)
	}
	for _, r := range name {
		if r == 0 {
			return refuse(kerr.UnacceptableCredential, "the user's name %q has a NUL", name)
		}
	}
	return nil
}

// withdraw deletes a credential.
func withdraw(credentials auth.Credentials, d *kmsg.AlterUserSCRAMCredentialsRequestDeletion) error {
	m, err := auth.ScramMechanism(d.Mechanism)
	if err != nil {
		return err
	}
	if _, ok := credentials[m]; !ok {
		return refuse(kerr.ResourceNotFound, "user %q has no credential for %s", d.Name, m)
	}
	delete(credentials, m)
	return nil
}

// grant sets a credential.
func grant(credentials auth.Credentials, u *kmsg.AlterUserSCRAMCredentialsRequestUpsertion) error {
	m, err := auth.ScramMechanism(u.Mechanism)
	if err != nil {
		return err
	}
	if n := u.Iterations; n < auth.MinIterations || n > auth.MaxIterations {
		return refuse(kerr.UnacceptableCredential, "iterations are %d, must be %d to %d", n, auth.MinIterations, auth.MaxIterations)
	}
	for name, secret := range map[string][]byte{"salt": u.Salt, "salted password": u.SaltedPassword} {
		if n := len(secret); n == 0 || n > maxSecretBytes {
			return refuse(kerr.UnacceptableCredential, "the %s has %d bytes, must have 1 to %d", name, n, maxSecretBytes)
		}
	}
	credentials[m] = auth.FromSaltedPassword(m, u.SaltedPassword, u.Salt, int(u.Iterations))
	return nil
}

// response answers for each user in the order of the request. failed is why
// nothing was changed, if so.
func (a *userAlterations) response(req *kmsg.AlterUserSCRAMCredentialsRequest, failed error) kmsg.Response {
	resp := reply[*kmsg.AlterUserSCRAMCredentialsResponse](req)
	for _, name := range a.order {
		err := a.errs[name]
		if err == nil {
			err = failed
		}
		r := kmsg.NewAlterUserSCRAMCredentialsResponseResult()
		r.User = name
		r.ErrorCode, r.ErrorMessage = messageOf(err)
		resp.Results = append(resp.Results, r)
	}
	return resp
}
