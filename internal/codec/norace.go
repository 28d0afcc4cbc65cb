//go:build !race

package codec

const instrumented = 1
