package fabricproof

// DecodeUpdate reads the update that led to a configuration and counts its signatures.
func DecodeUpdate(envelope []byte) (signatures int, err error) {
	u, err := decodeUpdate(envelope)
	if err != nil {
		return 0, err
	}
	return len(u.signatures), nil
}

// CheckUpdate compares two configurations that follow each other, whoever signed the block of the second.
func CheckUpdate(before, after *Config) error { return after.checkUpdate(before, nil) }

// Update is the envelope of the update that led to a configuration.
func (c *Config) Update() []byte { return c.update }
