package ledger

// PrivateKey names what a client gives to the endorsing peers beside a transaction's argument: Fabric's transient data. It is not
// in the transaction, where all members would keep it for good.
const PrivateKey = "private"

// Private is an argument with a part that is not in the transaction, but only given to the peers that endorse it. What they answer
// follows from it, so they must all be given the same.
type Private interface {
	Argument
	Private() ([]byte, error)
}

// PrivateOf is the private part of an argument, nil when it has none.
func PrivateOf(arg any) ([]byte, error) {
	if p, ok := arg.(Private); ok {
		return p.Private()
	}
	return nil, nil
}

// breachMessages is the private part of a BreachArgs.
type breachMessages struct {
	Messages [][]byte `json:"messages"` // in the order of the argument's; base64 in JSON
}

// Private are the messages themselves, with all that their trackers measured.
func (a BreachArgs) Private() ([]byte, error) {
	var p breachMessages
	for _, m := range a.Messages {
		p.Messages = append(p.Messages, m.Raw)
	}
	return Encode(p)
}

// SetPrivate puts the messages back into a decoded argument.
func (a *BreachArgs) SetPrivate(part []byte) error {
	var p breachMessages
	if err := Decode(part, &p); err != nil {
		return invalid("%s: %v", PrivateKey, err)
	}
	if len(p.Messages) != len(a.Messages) {
		return invalid("%s: %d messages given, the argument tells of %d", PrivateKey, len(p.Messages), len(a.Messages))
	}
	for i := range a.Messages {
		a.Messages[i].Raw = p.Messages[i]
	}
	return nil
}
