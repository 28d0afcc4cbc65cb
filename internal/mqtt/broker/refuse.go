package broker

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// Nothing is refused in silence: what the protocol has words for is told to the client, and all of it to Config.Refused.

// refuse tells Config.Refused.
func (g *gate) refuse(cl *mochi.Client, r Refusal) {
	g.refused.Add(1)
	if g.cfg.Refused == nil {
		return
	}
	user := string(cl.Properties.Username)
	r.Client, r.Remote = cl.ID, cl.Net.Remote
	if telemetry.ValidID(user) {
		r.Tracker, r.LoggedIn = user, r.Reason != telemetry.BadLogin && user == cl.ID && !g.service(cl)
	}
	g.cfg.Refused(r)
}

// refusePublish refuses a message that was read. MQTT 3 can only close the connection.
func (g *gate) refusePublish(cl *mochi.Client, pk *packets.Packet, why telemetry.Reject) {
	g.refuse(cl, Refusal{Topic: pk.TopicName, Raw: pk.Payload, Reject: why})
	switch {
	case pk.FixedHeader.Qos == 0:
	case cl.Properties.ProtocolVersion == 5:
		g.inlet.pubacks(cl).add(acknowledges(pk), pk.PacketID, &why)
	default:
		cl.Stop(packets.ErrTopicNameInvalid)
	}
}

// busy lets a publisher go that ingest has no room for. It comes back and sends again.
func (g *gate) busy(cl *mochi.Client) {
	g.refuse(cl, Refusal{Reject: telemetry.Reject{Reason: telemetry.Busy, Detail: "ingest is behind; what has no acknowledgement is to be sent again"}})
	g.end(cl, packets.ErrServerBusy)
}

// end closes a connection, in MQTT 5 with the reason. It waits a second at most for a client that does not read.
func (g *gate) end(cl *mochi.Client, code packets.Code) {
	if cl.Properties.ProtocolVersion == 5 && !cl.Closed() {
		_ = cl.Net.Conn.SetWriteDeadline(time.Now().Add(time.Second))
		_ = g.server.DisconnectClient(cl, code) // the connection ends either way
	}
	cl.Stop(code)
}

// OnPacketRead answers what mochi would let disappear, or would answer wrongly.
func (g *gate) OnPacketRead(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	switch {
	case pk.FixedHeader.Type == packets.Connect:
		g.met.Store(cl.Net.Conn, struct{}{})
	case pk.FixedHeader.Type != packets.Publish || g.service(cl):
	case mochi.IsValidFilter(pk.TopicName, true):
		if pk.FixedHeader.Qos < 2 {
			break
		}
		// It came before, and its PUBREC did not arrive: it is not taken twice.
		if was, ok := cl.State.Inflight.Get(pk.PacketID); ok && was.FixedHeader.Type == packets.Pubrec {
			g.inlet.pubacks(cl).add(packets.Pubrec, pk.PacketID, nil)
			return nothing, nil
		}
	case !strings.ContainsAny(pk.TopicName, "+#"): // those end the connection
		g.refusePublish(cl, &pk, telemetry.Reject{Reason: telemetry.TopicMismatch, Detail: "not a topic to publish to"})
		return nothing, nil
	}
	return pk, nil
}

// nothing is a packet that changes nothing: an acknowledgement of what was never sent.
var nothing = packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Puback}}

// OnPacketEncode sees each CONNACK: whatever refused the login, here it gets its words.
func (g *gate) OnPacketEncode(cl *mochi.Client, pk packets.Packet) packets.Packet {
	if pk.FixedHeader.Type != packets.Connack {
		return pk
	}
	if pk.ReasonCode == packets.CodeSuccess.Code {
		pk.Properties.MaximumPacketSize = maxPacket
		return pk
	}
	var why telemetry.Reject
	if r, ok := g.turnedAway.LoadAndDelete(cl.Net.Conn); ok {
		// The client hears nothing of what is known about the tracker.
		why, pk.Properties.ReasonString = r.(telemetry.Reject), "the user name is no tracker's, or the password is not its own"
	} else {
		why = loginError(cl, &pk)
		pk.Properties.ReasonString = why.Detail
	}
	g.refuse(cl, Refusal{Reject: why})
	return pk
}

// loginError names what mochi refused. The code is that of the client's protocol.
func loginError(cl *mochi.Client, pk *packets.Packet) telemetry.Reject {
	old := cl.Properties.ProtocolVersion < 5
	switch pk.ReasonCode {
	case packets.ErrUnsupportedProtocolVersion.Code, packets.Err3UnsupportedProtocolVersion.Code:
		return telemetry.Reject{Reason: telemetry.ProtocolError, Detail: fmt.Sprintf("protocol version %d: use MQTT 3.1, 3.1.1 or 5", cl.Properties.ProtocolVersion)}
	case packets.ErrServerBusy.Code, packets.Err3ServerUnavailable.Code:
		return telemetry.Reject{Reason: telemetry.Busy, Detail: "too many connections"}
	case packets.ErrUnspecifiedError.Code:
		if old {
			pk.ReasonCode = packets.Err3ClientIdentifierNotValid.Code
		}
		return telemetry.Reject{Reason: telemetry.ProtocolError, Detail: "without a client id the session must be clean"}
	}
	return telemetry.Reject{Reason: telemetry.ProtocolError, Detail: cmp.Or(pk.Properties.ReasonString, "the login is not understood")}
}

// broken tells of a connection that ended because of what the client sent.
func (g *gate) broken(cl *mochi.Client, err error) {
	code, is := errors.AsType[packets.Code](err)
	if !is || code.Code < packets.ErrUnspecifiedError.Code {
		return
	}
	why := telemetry.Reject{Reason: telemetry.ProtocolError, Detail: err.Error()}
	if code.Code == packets.ErrPacketTooLarge.Code {
		why = telemetry.Reject{Reason: telemetry.Oversized, Detail: fmt.Sprintf("a packet of more than %d KiB ends the connection", maxPacket>>10)}
	}
	g.refuse(cl, Refusal{Reject: why})
}

// listener tells of connections whose first packet is no CONNECT.
type listener struct {
	*listeners.Net
	gate *gate
}

func (l listener) Serve(establish listeners.EstablishFn) {
	l.Net.Serve(func(id string, c net.Conn) error {
		err := establish(id, c)
		_, met := l.gate.met.LoadAndDelete(c)
		l.gate.turnedAway.Delete(c) // its CONNACK may have found nobody
		if code, is := errors.AsType[packets.Code](err); is && !met && code.Code >= packets.ErrUnspecifiedError.Code {
			l.gate.refused.Add(1)
			if l.gate.cfg.Refused != nil {
				l.gate.cfg.Refused(Refusal{Remote: c.RemoteAddr().String(), Reject: telemetry.Reject{Reason: telemetry.ProtocolError, Detail: err.Error()}})
			}
		}
		return err
	})
}
