//go:build !unix

package codec

import "time"

var began = time.Now()

// processorTime is the time that passed, where nobody says how much of it was this process's.
func processorTime() time.Duration { return time.Since(began) }
