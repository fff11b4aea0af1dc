package evident

import (
	"path/filepath"
	"testing"
)

// ForTest starts a server that ends with the test. It builds the program unless
// one is given, keeps the data in a folder that is removed unless one is given,
// and listens on a free port unless an address is given.
func ForTest(t *testing.T, cfg Config) *Server {
	t.Helper()
	dir := t.TempDir()
	var err error
	if cfg.Program == "" {
		if cfg.Program, err = Build(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
	}
	if cfg.Address == "" {
		if cfg.Address, err = FreeAddress(); err != nil {
			t.Fatal(err)
		}
	}
	if cfg.Data == "" {
		cfg.Data = filepath.Join(dir, "data")
	}
	s := &Server{Config: cfg}
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
