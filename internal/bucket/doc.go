// Package bucket keeps objects in a store that speaks S3 and honours conditions
// on writes: an object is created only if there is none, and replaced only if
// it is still the one that was read. It does not believe a store that says so,
// but tries ([Bucket.Probe]).
//
// It never tries a write twice: after any error but [ErrTaken] a write may have
// been done, may be done later, or never, and its caller finds out by reading.
// It knows nothing of what the objects are.
package bucket
