package fabricproof

// Peek is what a transaction says of itself, not verified: for those who collect evidence and need to find their way.
type Peek struct {
	ID     string
	Args   [][]byte // function name first
	Reads  []Read
	Writes []Write
}

// Peek reads transaction index without checking any signature. A transaction of another kind or chaincode has no reads and
// writes.
func (b *Block) Peek(index int, chaincode string) (Peek, error) {
	var p Peek
	env, err := decodeEnvelope(b.Envelopes[index])
	if err != nil {
		return p, as(TxMalformed, err)
	}
	pay, err := decodePayload(env.payload)
	if err != nil {
		return p, as(TxMalformed, err)
	}
	head, err := decodeChannelHeader(pay.channelHeader)
	if err != nil {
		return p, as(TxMalformed, err)
	}
	p.ID = head.txID
	if head.kind != typeEndorser {
		return p, nil
	}
	action, err := decodeAction(pay.data)
	if err != nil {
		return p, as(TxMalformed, err)
	}
	answer, err := decodeAnswer(action.prp)
	if err != nil || answer.chaincode != chaincode {
		return p, as(TxMalformed, err)
	}
	if _, p.Args, err = decodeInvocation(action.proposal); err != nil {
		return p, as(TxMalformed, err)
	}
	p.Reads, p.Writes, err = decodeRWSet(answer.results, chaincode)
	return p, as(RWSet, err)
}
