// Package groupconfig knows the properties of groups (resource type GROUP of
// Kafka's config requests): their types, defaults, limits and documentation, and
// what they mean.
//
// It keeps no state: which group has which properties is the broker's metadata.
// A group need not exist to have properties, so that they can be set before its
// first member comes.
package groupconfig
