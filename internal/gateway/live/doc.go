// Package live gives the events of a topic to many readers at once. Who is at the end
// shares one reader of the log with all others there, and each event is written as JSON
// once; who is behind reads by itself until it has caught up. So a slow reader holds
// nobody up, and no memory but its own.
//
// It knows nothing of how readers are reached.
package live
