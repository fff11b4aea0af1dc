package evident

import (
	"path/filepath"
	"testing"
)

// ForTest starts a server that ends with the test. It builds the program unless
// one is given, and keeps the data in a folder that is removed unless one is given.
func ForTest(t *testing.T, program, data string, flags ...string) *Server {
	t.Helper()
	dir := t.TempDir()
	if program == "" {
		var err error
		if program, err = Build(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
	}
	address, err := FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	if data == "" {
		data = filepath.Join(dir, "data")
	}
	s := &Server{Program: program, Data: data, Address: address, Flags: flags}
	if err := s.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill() // fails if a start failed, which was told then
		_ = s.cmd.Wait()
		if t.Failed() {
			t.Logf("the server said:\n%s", s.Logged())
		}
	})
	return s
}
