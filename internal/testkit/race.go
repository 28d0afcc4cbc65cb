//go:build race

package testkit

// Race: the race detector is on, which makes memory and time say nothing, and some work thirty times slower.
const Race = true
