package state

import (
	"errors"

	"github.com/evidentlog/evident/internal/vfs"
)

// openedRuns are the files of runs, to be read, the oldest first. Several goroutines may
// read them.
type openedRuns struct {
	files  []*runFile
	opened []vfs.File
}

// openRuns opens the files of runs. What it gives is to be closed, also after an error.
func openRuns(fs vfs.FS, files []*runFile) (o openedRuns, err error) {
	o.files = files
	for _, file := range files {
		f, err := fs.Open(file.name, 0)
		if err != nil {
			return o, err
		}
		o.opened = append(o.opened, f)
	}
	return o, nil
}

func (o openedRuns) close() error {
	var errs []error
	for _, f := range o.opened {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// in is what each run has in a span, the oldest first.
func (o openedRuns) in(s span) (list []*runReader, err error) {
	skip := common(o.files, s.prefix)
	for i, file := range o.files {
		section := file.section(s.prefix)
		if section == nil {
			continue
		}
		r := &runReader{f: o.opened[i], s: section, skip: skip, to: s.to}
		if err := r.seek(s.from); err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}
