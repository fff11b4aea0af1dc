package broker

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/auth"
	"github.com/evidentlog/evident/internal/vfs"
)

func grantOf(name string, mechanism int8, iterations int32) kmsg.AlterUserSCRAMCredentialsRequestUpsertion {
	u := kmsg.NewAlterUserSCRAMCredentialsRequestUpsertion()
	u.Name, u.Mechanism, u.Iterations = name, mechanism, iterations
	u.Salt, u.SaltedPassword = []byte("salt"), []byte("salted password")
	return u
}

func withdrawalOf(name string, mechanism int8) kmsg.AlterUserSCRAMCredentialsRequestDeletion {
	d := kmsg.NewAlterUserSCRAMCredentialsRequestDeletion()
	d.Name, d.Mechanism = name, mechanism
	return d
}

// alterUsers returns what became of each user: "alice: OK".
func alterUsers(r *raw, deletions []kmsg.AlterUserSCRAMCredentialsRequestDeletion, upsertions ...kmsg.AlterUserSCRAMCredentialsRequestUpsertion) []string {
	req := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
	req.Deletions, req.Upsertions = deletions, upsertions
	var results []string
	for _, u := range ask[*kmsg.AlterUserSCRAMCredentialsResponse](r, req).Results {
		results = append(results, answered(u.User, u.ErrorCode, u.ErrorMessage))
	}
	return results
}

// describeUsers returns what is said about each user: "alice: OK 1/4096 2/8192".
func describeUsers(r *raw, names ...string) []string {
	req := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
	for _, name := range names {
		u := kmsg.NewDescribeUserSCRAMCredentialsRequestUser()
		u.Name = name
		req.Users = append(req.Users, u)
	}
	var results []string
	for _, u := range ask[*kmsg.DescribeUserSCRAMCredentialsResponse](r, req).Results {
		text := answered(u.User, u.ErrorCode, u.ErrorMessage)
		for _, c := range u.CredentialInfos {
			text += fmt.Sprintf(" %d/%d", c.Mechanism, c.Iterations)
		}
		results = append(results, text)
	}
	return results
}

func answered(user string, code int16, message *string) string {
	result := "OK"
	if code != 0 {
		result = kerr.ErrorForCode(code).(*kerr.Error).Message
	}
	if (message != nil) != (code != 0) {
		result += " with a message or without"
	}
	return fmt.Sprintf("%.20s: %s", user, result)
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\ngot  %q\nwant %q", what, got, want)
	}
}

func TestCredentialsAreSetDescribedAndDeleted(t *testing.T) {
	r := start(t).dial()
	same(t, "nobody", describeUsers(r))
	same(t, "set", alterUsers(r, nil, grantOf("bob", 1, 4096), grantOf("alice", 2, 16384)), "bob: OK", "alice: OK")
	same(t, "set another", alterUsers(r, nil, grantOf("alice", 1, 5000)), "alice: OK")
	same(t, "all", describeUsers(r), "alice: OK 1/5000 2/16384", "bob: OK 1/4096")
	same(t, "replace", alterUsers(r, nil, grantOf("alice", 1, 6000)), "alice: OK")
	same(t, "some", describeUsers(r, "carol", "alice", "bob", "bob"),
		"carol: RESOURCE_NOT_FOUND", "alice: OK 1/6000 2/16384", "bob: DUPLICATE_RESOURCE")
	same(t, "delete", alterUsers(r, []kmsg.AlterUserSCRAMCredentialsRequestDeletion{withdrawalOf("alice", 2), withdrawalOf("bob", 1)}), "alice: OK", "bob: OK")
	same(t, "left", describeUsers(r), "alice: OK 1/6000")
}

func TestImpossibleCredentialsAreRefusedAndOthersSet(t *testing.T) {
	r := start(t).dial()
	alterUsers(r, nil, grantOf("old", 1, 4096), grantOf("twice", 1, 4096))
	noSalt, noPassword := grantOf("no-salt", 1, 4096), grantOf("no-password", 1, 4096)
	noSalt.Salt, noPassword.SaltedPassword = nil, nil
	same(t, "altered",
		alterUsers(r,
			[]kmsg.AlterUserSCRAMCredentialsRequestDeletion{
				withdrawalOf("old", 2), withdrawalOf("ghost", 1), withdrawalOf("", 1), withdrawalOf("odd", 3), withdrawalOf("twice", 1),
			},
			grantOf("new", 1, 4096), grantOf("few", 1, 4095), grantOf("many", 1, 16385), grantOf("zero", 0, 4096),
			grantOf("twice", 1, 4096), grantOf("same", 1, 4096), grantOf("same", 2, 4096), grantOf("same", 2, 4096),
			grantOf("few", 1, 4096), grantOf(strings.Repeat("x", 256), 1, 4096), grantOf("a\x00b", 1, 4096), grantOf("\xff", 1, 4096),
			noSalt, noPassword,
		),
		"old: RESOURCE_NOT_FOUND", "ghost: RESOURCE_NOT_FOUND", ": UNACCEPTABLE_CREDENTIAL", "odd: UNSUPPORTED_SASL_MECHANISM",
		"twice: DUPLICATE_RESOURCE", "new: OK", "few: UNACCEPTABLE_CREDENTIAL", "many: UNACCEPTABLE_CREDENTIAL",
		"zero: UNSUPPORTED_SASL_MECHANISM", "same: DUPLICATE_RESOURCE", "xxxxxxxxxxxxxxxxxxxx: UNACCEPTABLE_CREDENTIAL",
		"a\x00b: UNACCEPTABLE_CREDENTIAL", "\xff: UNACCEPTABLE_CREDENTIAL", "no-salt: UNACCEPTABLE_CREDENTIAL", "no-password: UNACCEPTABLE_CREDENTIAL")
	same(t, "there", describeUsers(r), "new: OK 1/4096", "old: OK 1/4096", "twice: OK 1/4096")
}

// A new password counts at once for new connections, also for PLAIN.
func TestPasswordsChange(t *testing.T) {
	s := start(t)
	s.user("alice", "old")
	d := s.guarded(nil, auth.Mechanisms()...)
	s.user("alice", "new")
	for password, want := range map[string]int16{"old": kerr.SaslAuthenticationFailed.Code, "new": 0} {
		if got := d.dial().login("alice", password).ErrorCode; got != want {
			t.Errorf("%s: error %d, want %d", password, got, want)
		}
	}
	for _, m := range []kadm.ScramMechanism{kadm.ScramSha256, kadm.ScramSha512} {
		if rs, err := s.admin().AlterUserSCRAMs(t.Context(), []kadm.DeleteSCRAM{{User: "alice", Mechanism: m}}, nil); err != nil || rs.Error() != nil {
			t.Fatal(err, rs.Error())
		}
	}
	if got := d.dial().login("alice", "new").ErrorCode; got != kerr.SaslAuthenticationFailed.Code {
		t.Errorf("a deleted user: error %d", got)
	}
}

// Neither a password nor what suffices in its place is on the disk.
func TestPasswordsAreNotStored(t *testing.T) {
	s := start(t)
	s.user("alice", "correct horse battery staple")
	alterUsers(s.dial(), nil, grantOf("bob", 1, 4096))
	s.stop()
	found := map[string]bool{"correct horse": false, "salted password": false, "stored_key": false}
	for _, content := range contents(t, s.fs, "/data") {
		for text := range found {
			found[text] = found[text] || bytes.Contains(content, []byte(text))
		}
	}
	if found["correct horse"] || found["salted password"] || !found["stored_key"] {
		t.Errorf("found on the disk: %v", found)
	}
}

// contents are those of all files below dir.
func contents(t *testing.T, disk vfs.FS, dir string) [][]byte {
	t.Helper()
	entries, err := disk.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		if e.IsDir() {
			all = append(all, contents(t, disk, name)...)
			continue
		}
		f, err := disk.Open(name, 0)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
		f.Close()
	}
	return all
}
