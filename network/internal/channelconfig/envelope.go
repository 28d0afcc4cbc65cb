package channelconfig

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

// What every signer signs are the bytes of one update. The file around them, which Fabric's programs sign and submit, is put together and
// taken apart here, since its way through JSON could give other bytes.

// Fields of Fabric's messages.
const (
	envelopePayload  = 1 // common.Envelope
	payloadHeader    = 1 // common.Payload
	payloadData      = 2
	headerChannel    = 1 // common.Header
	channelType      = 1 // common.ChannelHeader
	channelID        = 4
	updateBytes      = 1 // common.ConfigUpdateEnvelope
	updateSignatures = 2
	configUpdateType = 2 // common.HeaderType_CONFIG_UPDATE
)

// Envelope is the common.Envelope of an update, a common.ConfigUpdate, with the signatures that were collected.
func Envelope(channel string, update []byte, signatures [][]byte) []byte {
	var head []byte
	head = protowire.AppendTag(head, channelType, protowire.VarintType)
	head = protowire.AppendVarint(head, configUpdateType)
	head = sub(head, channelID, []byte(channel))
	data := sub(nil, updateBytes, update)
	for _, s := range signatures {
		data = sub(data, updateSignatures, s)
	}
	payload := sub(nil, payloadHeader, sub(nil, headerChannel, head))
	return sub(nil, envelopePayload, sub(payload, payloadData, data))
}

func sub(b []byte, field protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

// Signatures of an envelope, a common.ConfigSignature each, and the update that they are of.
func Signatures(envelope []byte) (update []byte, signatures [][]byte, err error) {
	for _, field := range []protowire.Number{envelopePayload, payloadData} {
		found, err := fieldsOf(envelope, field)
		if err != nil {
			return nil, nil, err
		}
		if len(found) != 1 {
			return nil, nil, errNoUpdate
		}
		envelope = found[0]
	}
	updates, err := fieldsOf(envelope, updateBytes)
	if err != nil {
		return nil, nil, err
	}
	if len(updates) != 1 {
		return nil, nil, errNoUpdate
	}
	signatures, err = fieldsOf(envelope, updateSignatures)
	return updates[0], signatures, err
}

var errNoUpdate = errors.New("the file holds no configuration update")

// fieldsOf are a message's fields of one number, which hold bytes.
func fieldsOf(b []byte, want protowire.Number) (found [][]byte, err error) {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, errNoUpdate
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
			return nil, errNoUpdate
		}
		if num == want && typ == protowire.BytesType {
			v, _ := protowire.ConsumeBytes(b)
			found = append(found, v)
		}
		b = b[n:]
	}
	return found, nil
}
