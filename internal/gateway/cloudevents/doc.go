// Package cloudevents is the door for events over HTTP: CloudEvents in binary,
// structured and batch mode, and streams of lines, as long as they want to be. Who sends
// events is told where each is once it is durable.
//
// It reads requests and writes answers; what becomes of events, package intake knows.
package cloudevents
