package testkit

import "encoding/base64"

// Traces are the forms in which a secret may lie in JSON or in bytes around it: as it is, and as base64 has it at each of the three places
// that it can begin at.
func Traces(secret []byte) [][]byte {
	all := [][]byte{secret}
	for shift := range 3 {
		text := base64.StdEncoding.EncodeToString(append(make([]byte, shift), secret...))
		all = append(all, []byte(text[(shift*8+5)/6:(shift+len(secret))*8/6])) // without what its neighbours decide
	}
	return all
}
