// Package arch keeps the architecture: its test reads the source of the whole
// module and fails where an import goes up, where two rooms of one floor know
// each other, where a package says nothing or too much of what it is for, and
// where anything but a program ends the process. It holds no code that runs.
//
// The map it enforces is in rooms_test.go; docs/architecture.md explains it.
package arch
