package broker

import "github.com/evidentlog/evident/internal/auth"

// CreateUser makes a user with credentials for all SCRAM mechanisms, unless there
// is one of that name; only then it asks for the password.
func (b *Broker) CreateUser(name string, password func() (string, error)) (made bool, err error) {
	if err := checkUser(name); err != nil || b.store.Users().Get(name) != nil {
		return false, err
	}
	text, err := password()
	if err != nil {
		return false, err
	}
	credentials := make(auth.Credentials)
	for _, m := range []auth.Mechanism{auth.ScramSHA256, auth.ScramSHA512} {
		if credentials[m], err = auth.NewCredential(m, text, auth.DefaultIterations); err != nil {
			return false, err
		}
	}
	err = b.store.AlterUsers(func(users *auth.Users) map[string]auth.Credentials {
		if made = users.Get(name) == nil; !made {
			return nil
		}
		return map[string]auth.Credentials{name: credentials}
	})
	return made && err == nil, err
}

// Users is how many users there are.
func (b *Broker) Users() int { return b.store.Users().Len() }
