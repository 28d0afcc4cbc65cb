package telemetry

import "time"

// A time before 2015 comes from a clock that was never set, one more than a day ahead of the receipt from a wrong one.
var earliestMS = time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

const aheadMS = 24 * 3_600_000

// TooEarly and TooLate tell a time that no clock that is set can have shown, by when the message was received.
func TooEarly(ms int64) bool            { return ms < earliestMS }
func TooLate(ms, receivedMS int64) bool { return ms > receivedMS+aheadMS }

// TimePossible reports whether a reading can be stored and judged by its time.
func TimePossible(ms, receivedMS int64) bool { return !TooEarly(ms) && !TooLate(ms, receivedMS) }
