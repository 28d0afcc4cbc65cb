package stored

// QualityHour is one hour of one tracker, counted.
type QualityHour struct {
	Tracker           string
	StartMS           int64
	Readings          int64
	Minutes, Expected int64            // with a reading, and how many were to be expected
	Flags             map[string]int64 // by reason
}

// QualityFlag is one odd reading.
type QualityFlag struct {
	Tracker, Shipment string
	Reason, Metric    string // Metric "" = the whole hour
	TimeMS            int64
	Value, Against    float64
}
