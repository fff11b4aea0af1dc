package manifest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// endings are those of the files that are read in a folder.
var endings = []string{".yaml", ".yml", ".json"}

// Load reads files and folders, in this order: "-" is stdin, a folder stands for
// the .yaml, .yml and .json files in it and below, by name, without those whose
// names, or whose folders' names, begin with a dot. A folder without any is an
// error, and so is nothing to read at all.
func Load(paths []string, stdin io.Reader) ([]*Document, error) {
	var all []*Document
	var wrong Problems
	for _, path := range paths {
		documents, err := load(path, stdin)
		if problems := (Problems)(nil); errors.As(err, &problems) {
			wrong = append(wrong, problems...)
		} else if err != nil {
			return nil, err
		}
		all = append(all, documents...)
	}
	if err := wrong.err(); err != nil {
		return nil, err
	}
	return all, nil
}

func load(path string, stdin io.Reader) ([]*Document, error) {
	if path == "-" {
		return Read("-", stdin)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return loadFile(path)
	}
	files, err := within(path)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no files that end in %s", path, strings.Join(endings, ", "))
	}
	return Load(files, nil)
}

func loadFile(path string) ([]*Document, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Read(path, f)
}

// within lists the files of a folder, by name.
func within(folder string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != folder && strings.HasPrefix(d.Name(), ".") && d.IsDir():
			return filepath.SkipDir
		case path != folder && strings.HasPrefix(d.Name(), "."):
			return nil
		case !d.IsDir() && slices.Contains(endings, strings.ToLower(filepath.Ext(path))):
			files = append(files, path)
		}
		return nil
	})
	return files, err
}
