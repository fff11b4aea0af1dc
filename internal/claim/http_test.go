package claim

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/vfs"
)

const spoolDir = "/coming"

// polite is the guard of those who say please.
func polite(r *http.Request) error {
	if r.Header.Get("Authorization") != "please" {
		return errors.New("say please")
	}
	return nil
}

// door serves a folder's claims over HTTP to whoever says please.
func door(t *testing.T, fsys vfs.FS) (base string) {
	t.Helper()
	folder, err := OpenFolder(fsys, "/claims")
	if err != nil {
		t.Fatal(err)
	}
	api, err := NewAPI(folder, fsys, spoolDir, Guard{Keep: polite, Read: func(*http.Request) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	api.Handle(mux)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL + Prefix
}

func put(t *testing.T, url string, body io.Reader) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "please")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// coming is how many files of data that comes in there are.
func coming(t *testing.T, fsys vfs.FS) int {
	t.Helper()
	files, err := fsys.ReadDir(spoolDir)
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func TestDataGoesInAndOutOverHTTP(t *testing.T) {
	mem := vfs.NewMem()
	base := door(t, mem)
	for _, data := range []string{strings.Repeat("data", 1<<18), "x", ""} {
		url := base + hexadecimal(event.DigestOf([]byte(data)))
		if resp, err := http.Get(url); err != nil || resp.StatusCode != http.StatusNotFound {
			t.Fatalf("before: %v, %v", resp, err)
		}
		for range 2 {
			if status, answer := put(t, url, strings.NewReader(data)); status != http.StatusCreated {
				t.Fatalf("%d bytes: %d %s", len(data), status, answer)
			}
		}
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil || string(got) != data {
			t.Errorf("%d of %d bytes, %v", len(got), len(data), err)
		}
		if h, err := http.Head(url); err != nil || h.ContentLength != int64(len(data)) {
			t.Errorf("%v, %v", h, err)
		}
	}
	if n := coming(t, mem); n != 0 {
		t.Errorf("%d files stay of what came in", n)
	}
}

func TestOnlyWhatItsPathSaysIsKept(t *testing.T) {
	mem := vfs.NewMem()
	base := door(t, mem)
	right := base + hexadecimal(event.DigestOf([]byte("data")))
	for _, c := range []struct {
		url    string
		body   io.Reader
		status int
		says   string
	}{
		{right, strings.NewReader("date"), http.StatusBadRequest, "nothing was kept: the 4 bytes that came have the sha256:"},
		{base + "3A", strings.NewReader("data"), http.StatusBadRequest, `\"3A\" is no SHA-256`},
		{base + strings.ToUpper(right[len(base):]), strings.NewReader("data"), http.StatusBadRequest, "small letters"},
	} {
		if status, answer := put(t, c.url, c.body); status != c.status || !strings.Contains(answer, c.says) {
			t.Errorf("%d %s", status, answer)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, right, strings.NewReader("data"))
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.DefaultClient.Do(r); err != nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("%v, %v", resp, err)
	}
	// A client that goes away in the middle.
	if status, answer := put(t, right, io.MultiReader(strings.NewReader("da"), failing{})); status != 0 {
		t.Errorf("%d %s", status, answer)
	}
	if resp, err := http.Get(right); err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("%v, %v", resp, err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("gone") }

// A reader who does not verify must not take damaged data for whole.
func TestDamagedDataIsNotGivenOutWhole(t *testing.T) {
	mem := vfs.NewMem()
	base := door(t, mem)
	data := bytes.Repeat([]byte("data"), 1000)
	d := event.DigestOf(data)
	if status, answer := put(t, base+hexadecimal(d), bytes.NewReader(data)); status != http.StatusCreated {
		t.Fatal(status, answer)
	}
	for _, at := range []int64{0, 3999} {
		f, err := mem.Open("/claims/sha256/"+hexadecimal(d), vfs.Write)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteAt([]byte{'?'}, at)
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		resp, err := http.Get(base + hexadecimal(d))
		if err != nil {
			continue // the whole answer was held back
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close() // it is broken
		if err == nil {
			t.Errorf("damaged at %d: %d bytes are given out as if they were whole", at, len(got))
		}
	}
}

func TestAFullDiskIsSaid(t *testing.T) {
	mem := vfs.NewMem()
	base := door(t, vfs.NewFaulty(mem, func(op vfs.Op) error {
		if op.Kind == vfs.OpWrite {
			return syscall.ENOSPC
		}
		return nil
	}))
	if status, answer := put(t, base+hexadecimal(event.DigestOf([]byte("data"))), strings.NewReader("data")); status != http.StatusInsufficientStorage || !strings.Contains(answer, "nothing was kept") {
		t.Errorf("%d %s", status, answer)
	}
	if n := coming(t, mem); n != 0 {
		t.Errorf("%d files stay of what came in", n)
	}
}
