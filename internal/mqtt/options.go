// Package mqtt is the only importer of paho.mqtt.golang: the ingest side (Consumer, with manual acknowledgement) and the
// tracker side (Device). It works with any MQTT 3.1.1 broker; the embedded one is package broker.
package mqtt

import (
	"crypto/tls"
	"fmt"
	"net/url"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

const (
	qos            = 1
	connectTimeout = 10 * time.Second
	writeTimeout   = 10 * time.Second // paho's default is to wait for ever
	keepAlive      = 30 * time.Second
	maxReconnect   = 30 * time.Second // paho's default is 10 minutes
	firstReconnect = 500 * time.Millisecond
	quiesceMS      = 250
)

// account is how a client introduces itself. The password is asked for before every connection attempt, since a
// tracker's expires.
type account struct {
	URL      string
	ClientID string
	Username string
	Password func() string
	TLS      func() *tls.Config // asked before every connection attempt as well; nil = the system's authorities
}

// tls is for one connection attempt.
func (a account) tls(before *tls.Config) *tls.Config {
	if a.TLS != nil {
		return a.TLS()
	}
	return before
}

func (a account) options() (*paho.ClientOptions, error) {
	u, err := url.Parse(a.URL)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("mqtt url %q: want tcp://host:port or ssl://host:port", a.URL)
	}
	o := paho.NewClientOptions().
		AddBroker(a.URL).
		SetClientID(a.ClientID).
		SetProtocolVersion(4).
		SetConnectTimeout(connectTimeout).
		SetWriteTimeout(writeTimeout).
		SetKeepAlive(keepAlive).
		SetPingTimeout(connectTimeout).
		SetStore(newPacketStore()).
		SetMaxReconnectInterval(maxReconnect).
		SetConnectRetryInterval(firstReconnect).
		SetConnectRetry(true).
		SetAutoReconnect(true).
		SetConnectionAttemptHandler(func(_ *url.URL, before *tls.Config) *tls.Config { return a.tls(before) })
	if a.Password != nil {
		o.SetCredentialsProvider(func() (string, string) { return a.Username, a.Password() })
	} else {
		o.SetUsername(a.Username)
	}
	return o, nil
}

// subscribe waits for the broker's answer.
func subscribe(client paho.Client, filters map[string]byte) error {
	token := client.SubscribeMultiple(filters, nil)
	if !token.WaitTimeout(connectTimeout) {
		return fmt.Errorf("no answer in %s", connectTimeout)
	}
	if err := token.Error(); err != nil {
		return err
	}
	for filter, granted := range token.(*paho.SubscribeToken).Result() {
		if granted > 2 {
			return fmt.Errorf("%s: not allowed", filter)
		}
	}
	return nil
}

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
