package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/evidentlog/evident/internal/config"
	"github.com/evidentlog/evident/internal/tool/user"
)

func newUser(c *cli) *cobra.Command {
	cmd := parent("user", "Create, list and delete users, and change their passwords")
	cmd.Aliases = []string{"users"}
	cmd.Long = `Users log in where a listener asks for it ("evident serve --sasl-kafka"). The node
keeps what PBKDF2 makes of their passwords, not the passwords.

--user and --password-file are who runs the command, not whom it is about.`
	config.ClientFlags(cmd.PersistentFlags())
	outputFlag(cmd)
	cmd.AddCommand(newUserCreate(c), newUserList(c), newUserPasswd(c), newUserDelete(c))
	return cmd
}

// setFlags are the flags of commands that set a password.
func setFlags(f *pflag.FlagSet, set *user.Set) {
	f.StringVar(&set.Password.Reference, "new-password", "", "where the password is: env:NAME or file:PATH (default: it is asked for, or read from standard input)")
	f.BoolVar(&set.Password.Generate, "generate", false, "make up a password and print it")
	f.StringSliceVar(&set.Mechanisms, "mechanism", nil, "SCRAM-SHA-256 or SCRAM-SHA-512 (default: both, or those that the user has)")
	f.Int32Var(&set.Iterations, "iterations", user.DefaultIterations, "of PBKDF2, 4096 to 16384")
}
