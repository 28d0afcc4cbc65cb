package mqtt

import (
	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

// packetStore keeps the packets that were not acknowledged, like paho's memory store, but takes and hands out copies. paho
// sends what it finds there again after a reconnect and marks it as a duplicate, while the packet itself may just be on its
// way in another goroutine, which writes its length into it: with one shared packet the two would race.
type packetStore struct{ *paho.MemoryStore }

func newPacketStore() packetStore { return packetStore{paho.NewMemoryStore()} }

func (s packetStore) Put(key string, p packets.ControlPacket) { s.MemoryStore.Put(key, copyOf(p)) }

func (s packetStore) Get(key string) packets.ControlPacket { return copyOf(s.MemoryStore.Get(key)) }

// copyOf copies a publish; with QoS 1 no packet of another kind is kept and changed.
func copyOf(p packets.ControlPacket) packets.ControlPacket {
	if publish, ok := p.(*packets.PublishPacket); ok {
		c := *publish
		return &c
	}
	return p
}
