// Package mqtt is the only importer of paho.mqtt.golang: the ingest side (Consumer, with manual acknowledgement) and the
// tracker side (Device). It works with any MQTT 3.1.1 broker; the embedded one is package broker.
package mqtt

import (
	"crypto/tls"
	"fmt"
	"net/url"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
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
	TLS      *tls.Config
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
		SetTLSConfig(a.TLS)
	if a.Password != nil {
		o.SetCredentialsProvider(func() (string, string) { return a.Username, a.Password() })
	} else {
		o.SetUsername(a.Username)
	}
	return o, nil
}
