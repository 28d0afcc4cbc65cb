package telemetry

// DecodePack reads a message's readings alone, for who has checked their hash against the signed part. Every error is a
// *Reject.
func DecodePack(pack []byte, tracker string) ([]Reading, error) {
	j := joiner{tracker: tracker}
	if j.onePass(pack) {
		return j.sorted(), nil
	}
	return decodePack(pack, tracker)
}
