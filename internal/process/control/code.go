package control

import (
	"fmt"
	"maps"
	"slices"

	"github.com/evidentlog/evident/internal/process"
)

// Code is that of a version of a processor.
type Code struct {
	process.Processor
	// Mark is another one when the code is: a version that runs begins anew with it.
	Mark string
	// Spec is how it is to run, of code that is declared.
	Spec Spec
}

// codes are versions by the names of their processors, the latest one last.
type codes map[string][]Code

// add adds a version. The error wraps [process.ErrInvalid].
func (c *codes) add(code Code) error {
	if err := code.Validate(); err != nil {
		return err
	}
	for _, other := range (*c)[code.Name] {
		if other.Version == code.Version {
			return fmt.Errorf("%w: there is code twice for version %d of %q", process.ErrInvalid, code.Version, code.Name)
		}
	}
	if *c == nil {
		*c = codes{}
	}
	all := append(slices.Clone((*c)[code.Name]), code)
	slices.SortFunc(all, func(a, b Code) int { return a.Version - b.Version })
	(*c)[code.Name] = all
	return nil
}

// without is an error if there is code of a name.
func (c codes) without(name string) error {
	if len(c[name]) > 0 {
		return fmt.Errorf("%w: the program has code of its own for %q", process.ErrInvalid, name)
	}
	return nil
}

func (c codes) clone() codes { return maps.Clone(c) }

// Names are the processors that there is code for, sorted.
func (c *Controller) Names() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.mu.code))
}

// Code is that for a version of a processor: the one of that number, or else the latest.
func (c *Controller) Code(name string, version int) (process.Processor, bool) {
	code, ok := c.code(name, version)
	return code.Processor, ok
}

func (c *Controller) code(name string, version int) (Code, bool) {
	c.mu.Lock()
	all := c.mu.code[name]
	c.mu.Unlock()
	if len(all) == 0 {
		return Code{}, false
	}
	code := all[len(all)-1]
	for _, other := range all {
		if other.Version == version {
			code = other
		}
	}
	if version > 0 {
		code.Version = version
	}
	return code, true
}
