package journal

import (
	"bytes"
	"encoding/binary"
)

// Key prefixes. Every key starts with one; they never change meaning.
const (
	prefixQueue    = 'q' // number -> record that is not in InfluxDB yet
	prefixLog      = 'l' // log id -> state of a log
	prefixTracker  = 't' // tracker -> position
	prefixSeen     = 'd' // tracker, boot, seq -> hash of the signed message, day of receipt
	prefixFork     = 'f' // tracker, boot, seq, hash -> day of receipt: another message at a taken position
	prefixPlain    = 'j' // tracker, hash -> received_ms of a plain message
	prefixNamed    = 'k' // tracker, hash of the id that its sender gave it -> received_ms of a message without a signature
	prefixCounter  = 'c' // tracker -> counter of its newest message without a signature
	prefixHeadNode = 'n' // level, index -> node of the heads log
	prefixHead     = 'h' // index -> leaf of the heads log, until its anchor is valid
	prefixMeta     = 'm' // name -> value
	prefixSealed   = 'z' // shipment -> ""
	prefixSubject  = 'i' // kind, subject, log id -> ""
	prefixTrackers = 'r' // tracker -> its record on the ledger
	prefixShipment = 's' // shipment -> its record on the ledger
	prefixAssigned = 'a' // tracker, shipment -> the windows of the one on the other
	prefixSecret   = 'e' // hash of a secret, tracker whose it is -> ""
	prefixDevice   = 'g' // gateway, name of a device there -> tracker
	prefixProfile  = 'p' // hash -> the profile's document, of those that trackers pin
	prefixAside    = 'x' // number -> record that InfluxDB refuses
	prefixLink     = 'y' // tracker, boot, seq -> what the message says of its place; only while a journal is made again

	prefixQuarantine = 'u' // number -> message that was refused and is not in InfluxDB yet
)

func queueKey(n uint64) (k [9]byte) {
	k[0] = prefixQueue
	binary.BigEndian.PutUint64(k[1:], n)
	return k
}

// LogKey is the key of a log's state; LogPrefix scans all.
func LogKey(log [32]byte) []byte { return append([]byte{prefixLog}, log[:]...) }

// Prefixes to scan.
var (
	LogPrefix      = []byte{prefixLog}
	TrackersPrefix = []byte{prefixTrackers}
	ShipmentPrefix = []byte{prefixShipment}
	LinkPrefix     = []byte{prefixLink}
)

// RepeatPrefixes are of the keys by which repeated messages are recognised, in order.
var RepeatPrefixes = [][]byte{{prefixSeen}, {prefixFork}, {prefixPlain}, {prefixNamed}}

// PlacePrefixes are those of which each message that was taken has one key.
var PlacePrefixes = RepeatPrefixes[:3]

// RepeatPlace reads one of these keys; a plain message has no place.
func RepeatPlace(key []byte) (tracker string, boot, seq uint64, signed bool) {
	name, place, _ := bytes.Cut(key[1:], []byte{0})
	if key[0] == prefixPlain || key[0] == prefixNamed || len(place) < 16 {
		return string(name), 0, 0, false
	}
	return string(name), binary.BigEndian.Uint64(place), binary.BigEndian.Uint64(place[8:]), true
}

func named(prefix byte, name string) []byte { return append([]byte{prefix}, name...) }

func metaKey(name string) []byte { return named(prefixMeta, name) }

// Keys of single records.
func MetaKey(name string) []byte         { return metaKey(name) }
func PositionKey(tracker string) []byte  { return named(prefixTracker, tracker) }
func SealedKey(shipment string) []byte   { return named(prefixSealed, shipment) }
func TrackerKey(tracker string) []byte   { return named(prefixTrackers, tracker) }
func ShipmentKey(shipment string) []byte { return named(prefixShipment, shipment) }

// Keys by which a tracker is found: by its secret's hash (hex), which SecretPrefix scans, and by what its gateway calls it.
func SecretPrefix(hash string) []byte       { return append(named(prefixSecret, hash), 0) }
func SecretKey(hash, tracker string) []byte { return append(SecretPrefix(hash), tracker...) }
func DeviceKey(gateway, device string) []byte {
	return append(append(named(prefixDevice, gateway), 0), device...)
}

// ProfileKey is a profile's document by its hash (hex); CounterKey the counter of a tracker.
func ProfileKey(hash string) []byte    { return named(prefixProfile, hash) }
func CounterKey(tracker string) []byte { return named(prefixCounter, tracker) }

// AssignedPrefix scans the shipments that a tracker has been on; AssignedKey is one of them.
func AssignedPrefix(tracker string) []byte { return append(named(prefixAssigned, tracker), 0) }
func AssignedKey(tracker, shipment string) []byte {
	return append(AssignedPrefix(tracker), shipment...)
}

// SubjectPrefix scans the logs of a shipment or tracker; SubjectKey is one entry.
func SubjectPrefix(kind, subject string) []byte {
	return append(append(append(named(prefixSubject, kind), 0), subject...), 0)
}
func SubjectKey(kind, subject string, log [32]byte) []byte {
	return append(SubjectPrefix(kind, subject), log[:]...)
}

// SeenKey is where the hash of a tracker's message is kept. dst is reused.
func SeenKey(dst []byte, tracker string, boot, seq uint64) []byte {
	dst = append(append(dst[:0], prefixSeen), tracker...)
	dst = append(dst, 0)
	dst = binary.BigEndian.AppendUint64(dst, boot)
	return binary.BigEndian.AppendUint64(dst, seq)
}

// LinkKey is where a rebuild keeps a message's link.
func LinkKey(tracker string, boot, seq uint64) []byte {
	key := SeenKey(nil, tracker, boot, seq)
	key[0] = prefixLink
	return key
}

// ForkKey marks a second message at a position.
func ForkKey(dst []byte, tracker string, boot, seq uint64, hash [32]byte) []byte {
	dst = SeenKey(dst, tracker, boot, seq)
	dst[0] = prefixFork
	return append(dst, hash[:]...)
}

// PlainKey is where a plain message's time of receipt is kept.
func PlainKey(dst []byte, tracker string, hash [32]byte) []byte {
	dst = append(append(dst[:0], prefixPlain), tracker...)
	return append(append(dst, 0), hash[:]...)
}

// NamedKey is where the time of receipt is kept of a message that its sender gave an id.
func NamedKey(dst []byte, tracker string, hash [32]byte) []byte {
	dst = PlainKey(dst, tracker, hash)
	dst[0] = prefixNamed
	return dst
}

// HeadNodeKey is a node of the heads log; HeadKey a leaf's bytes.
func HeadNodeKey(level uint, index uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefixHeadNode, byte(level)}, index)
}
func HeadKey(index uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefixHead}, index)
}

// AsideKey is where a record stays that InfluxDB refuses for good.
func AsideKey(n uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefixAside}, n)
}
