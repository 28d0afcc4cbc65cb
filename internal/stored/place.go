package stored

// Place names one point, to take it away: its measurement, those of its tags that are said ("" = it has none of that name), and its time.
type Place struct {
	Measurement string
	Tags        map[string]string
	NS          int64
}

// Measurements of docs/formats.md that hold what was logged.
const (
	MessagePoint = "message"
	ReadingPoint = "reading"
	HeadPoint    = "head"
)

// leavesPerMS is how many nanoseconds a millisecond has: a point's time tells leaves of one millisecond apart by them.
const leavesPerMS = 1_000_000

// PointNS is the time of the point that belongs to a leaf, or to a head by its number.
func PointNS(ms int64, index uint64) int64 { return ms*leavesPerMS + int64(index%leavesPerMS) }

// Place of a message as it was read.
func (m *Message) Place() Place {
	return Place{MessagePoint, map[string]string{"log": m.Log, "shipment": m.Shipment, "tracker": m.Tracker, "trust": m.Trust}, m.PointNS}
}
