package fakestore

import "time"

func instant(ms int64) time.Time { return time.UnixMilli(ms) }

// nanos places a leaf's points within their millisecond (docs/formats.md, InfluxDB).
func nanos(leaf uint64) time.Duration { return time.Duration(leaf % 1_000_000) }
