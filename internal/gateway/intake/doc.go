// Package intake takes events in, for every door: it finds the partition of each, has
// data that is too large for the topic kept elsewhere, writes each event once however
// often it is sent, and says where it is.
//
// It does not read events from anywhere, and does not know who may send them.
package intake
