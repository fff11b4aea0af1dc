package vfs

// faultyFile is an open file on a [Faulty]. Name and Close are the inner
// file's.
type faultyFile struct {
	File
	fs *Faulty
}

func (f *faultyFile) ReadAt(p []byte, off int64) (n int, err error) {
	op := Op{Kind: OpRead, Name: f.Name(), Offset: off, Len: len(p)}
	err = f.fs.do(op, func() (err error) {
		n, err = f.File.ReadAt(p, off)
		return err
	})
	return n, err
}

func (f *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	op := Op{Kind: OpWrite, Name: f.Name(), Offset: off, Len: len(p)}
	err := f.fs.ask(op)
	if err == nil {
		return f.File.WriteAt(p, off)
	}
	return f.writePart(p, off, faultOf(err))
}

// writePart writes as much as the fault lets through.
func (f *faultyFile) writePart(p []byte, off int64, fault fault) (int, error) {
	reported := min(fault.written, len(p))
	part := p[:reported]
	if fault.done {
		part = p
	}
	if len(part) > 0 {
		if n, err := f.File.WriteAt(part, off); err != nil {
			return n, err
		}
	}
	return reported, pathError(OpWrite.String(), f.Name(), fault.err)
}

func (f *faultyFile) Sync() error {
	return f.fs.do(Op{Kind: OpSync, Name: f.Name()}, f.File.Sync)
}

func (f *faultyFile) Truncate(size int64) error {
	op := Op{Kind: OpTruncate, Name: f.Name(), Offset: size}
	return f.fs.do(op, func() error { return f.File.Truncate(size) })
}

func (f *faultyFile) Size() (n int64, err error) {
	err = f.fs.do(Op{Kind: OpSize, Name: f.Name()}, func() (err error) {
		n, err = f.File.Size()
		return err
	})
	return n, err
}
