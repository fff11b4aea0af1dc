package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, folder, name, text string) {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestAFolderStandsForItsFilesByName(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "b.yaml", "n: 2\n")
	write(t, folder, "a.yml", "n: 1\n---\nn: 1.5\n")
	write(t, folder, "deeper/c.json", `{"n": 3}`)
	write(t, folder, ".hidden.yaml", "n: 4\n")
	write(t, folder, ".git/d.yaml", "n: 5\n")
	write(t, folder, "notes.txt", "n: 6\n")
	all, err := Load([]string{folder, "-"}, strings.NewReader("n: 7\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range all {
		got = append(got, filepath.Base(d.File)+string(d.JSON))
	}
	if want := `a.yml{"n":1} a.yml{"n":1.5} b.yaml{"n":2} c.json{"n":3} -{"n":7}`; strings.Join(got, " ") != want {
		t.Errorf("got %s", strings.Join(got, " "))
	}
}

func TestProblemsOfAllFilesAreToldAtOnce(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "a.yaml", "n: .nan\n")
	write(t, folder, "b.yaml", "n: .inf\n")
	_, err := Load([]string{filepath.Join(folder, "a.yaml"), folder}, nil)
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("got %v", err)
	}
}

func TestNothingToReadIsAnError(t *testing.T) {
	folder := t.TempDir()
	if _, err := Load([]string{folder}, nil); err == nil || !strings.Contains(err.Error(), ".yaml, .yml, .json") {
		t.Errorf("of an empty folder: %v", err)
	}
	if _, err := Load([]string{filepath.Join(folder, "no.yaml")}, nil); err == nil || !strings.Contains(err.Error(), "no.yaml") {
		t.Errorf("of no file: %v", err)
	}
}
