package secure

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"time"
)

// Ends tells when the first certificate of a chain ends that a PEM file holds.
func Ends(path string) (time.Time, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return time.Time{}, err
	}
	end, err := EndOf(data)
	if err != nil {
		return end, fmt.Errorf("%s: %w", path, err)
	}
	return end, nil
}

// EndOf is Ends of the file's content.
func EndOf(chain []byte) (first time.Time, err error) {
	for block, rest := pem.Decode(chain); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return time.Time{}, err
		}
		if first.IsZero() || c.NotAfter.Before(first) {
			first = c.NotAfter
		}
	}
	if first.IsZero() {
		return first, errNoCertificate
	}
	return first, nil
}
