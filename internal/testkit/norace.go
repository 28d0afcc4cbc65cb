//go:build !race

package testkit

// Race: the race detector is off.
const Race = false
