package user

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/evidentlog/evident/internal/secret"
	"github.com/evidentlog/evident/internal/tool"
)

// maxPassword is how many bytes a password may have.
const maxPassword = 1024

// Password says where a user's new password comes from: a reference, chance, or
// else a person, or the first line of standard input.
type Password struct {
	Reference string // env:NAME or file:PATH
	Generate  bool
}

// read returns the password.
func (p Password) read(env tool.Env, user string) (string, error) {
	password, err := p.source(env, user)
	switch {
	case err != nil:
		return "", err
	case password == "":
		return "", tool.Usagef("the new password is empty: give one, or let it be made with --generate")
	case len(password) > maxPassword:
		return "", tool.Usagef("the new password has %d bytes, at most %d are allowed", len(password), maxPassword)
	case strings.ContainsRune(password, 0):
		return "", tool.Usagef("the new password has a NUL, which PLAIN cannot send")
	}
	return password, nil
}

func (p Password) source(env tool.Env, user string) (string, error) {
	switch {
	case p.Generate && p.Reference != "":
		return "", tool.Usagef("give either --generate or --new-password")
	case p.Generate:
		return rand.Text(), nil
	case p.Reference != "":
		ref, err := secret.Parse(p.Reference)
		if err != nil {
			return "", tool.Usagef("--new-password: %w", err)
		}
		return ref.Read()
	case env.AskPassword != nil:
		return ask(env, user)
	}
	return firstLine(env.In)
}

// ask asks a person, twice.
func ask(env tool.Env, user string) (string, error) {
	first, err := env.AskPassword(fmt.Sprintf("New password of %s: ", user))
	if err != nil {
		return "", err
	}
	second, err := env.AskPassword("Once more: ")
	if err == nil && first != second {
		err = errors.New("these are two different passwords: try again")
	}
	return first, err
}

func firstLine(in io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(in, maxPassword+3)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the new password from standard input: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}
