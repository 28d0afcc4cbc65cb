package fabricproof

// DecodeUpdate reads the update that led to a configuration and counts its signatures.
func DecodeUpdate(envelope []byte) (signatures int, err error) {
	u, err := decodeUpdate(envelope)
	if err != nil {
		return 0, err
	}
	return len(u.signatures), nil
}
