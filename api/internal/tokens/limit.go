package tokens

import "github.com/trackseal/trackseal/api/internal/limits"

// Rates of the token endpoint, a second; each may come in a burst. Guessing is hopeless whatever the rate, since secrets are long
// and random: the limits are there so that nobody makes noise or work without end, and nobody else pays for it.
const (
	givenRate  = 50 // tokens of one client
	givenBurst = 200
	wrongRate  = 2 // refused logins from one address
	wrongBurst = 50
)

// rates count the tokens that a client has got, which takes its secret, and the refused logins of an address. A login with the right
// secret never counts against its address, and wrong ones never against the client that they name.
type rates struct {
	given, wrong limits.Buckets
}

func newRates() *rates {
	return &rates{given: limits.Buckets{Rate: givenRate, Burst: givenBurst}, wrong: limits.Buckets{Rate: wrongRate, Burst: wrongBurst}}
}
