package mqtt

import (
	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

// packetStore keeps the packets that were not acknowledged, like paho's memory store, but hands out copies. paho sends what it
// finds there again after a reconnect and marks it as a duplicate, while the packet itself may just be on its way in
// another goroutine: with one shared packet the two would race.
type packetStore struct{ *paho.MemoryStore }

func newPacketStore() packetStore { return packetStore{paho.NewMemoryStore()} }

// Get gives a copy of a publish; packets of other kinds are never changed once they are stored.
func (s packetStore) Get(key string) packets.ControlPacket {
	p := s.MemoryStore.Get(key)
	if publish, ok := p.(*packets.PublishPacket); ok {
		c := *publish
		return &c
	}
	return p
}
