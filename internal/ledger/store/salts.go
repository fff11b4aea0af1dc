package store

// ReadSalts returns the salts of count leaves from an index on, one after the
// other. Those that were erased are zeros.
func (s *Store) ReadSalts(id TreeID, from int64, count int) ([]byte, error) {
	return s.readLeaves(id, saltsFile, from*saltSize, count*saltSize)
}
