// Package seen remembers ids: whether one was seen within a window of time and of number,
// exactly, for a hundred million of them in memory, at two or three cache lines a look.
//
// A [Set] is a queue, in the order of time, with an index. It says what is in it, for
// whoever keeps it on disk, and takes back what was added last. What it does not do is
// I/O, locking, or reading clocks: all times are handed in. docs/decisions/0031 says why
// it is made as it is.
package seen
