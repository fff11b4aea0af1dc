//go:build !unix

package seen

import "errors"

// mapMemory is for systems with such a call: elsewhere the heap has to do.
func mapMemory(int) ([]byte, error) { return nil, errors.ErrUnsupported }

func unmapMemory([]byte) {}
