//go:build race

package codec

// instrumented is how many times its memory a program needs under the race detector, which remembers who touched it.
const instrumented = 12
