package httpapi

import "strings"

type object = map[string]any

// examples are request bodies by operation, in the order of a shipment's life.
var examples = map[string]any{
	"enrol-tracker": object{"id": "LOGGER-17", "unsigned": true, "model": "our logger"},
	"rotate-tracker": object{"public_key": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "alg": "Ed25519", "proof": strings.Repeat("5a", 64),
		"old": strings.Repeat("a5", 64)},
	"revoke-tracker": object{"cause": "lost in the harbour"},
	"calibration-tracker": object{"ref": "https://lab.example/certificates/4711", "hash": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"valid_from": "2026-01-01T00:00:00Z", "valid_to": "2027-01-01T00:00:00Z"},
	"create-shipment": object{"id": "SHIP-2026-0042", "rule_set": "general-2-8@1", "description": "vaccines, 2 pallets", "origin": "Rotterdam", "destination": "Vienna",
		"parties": object{"carrier": "carrier", "shipper": "shipper", "consignee": "consignee", "auditor": "auditor"}},
	"assign-tracker":        object{"tracker": "LOGGER-17"},
	"propose-handover":      object{"to": "consignee", "note": "gate 4, seal 88123"},
	"reject-handover":       object{"reason": "seal broken"},
	"withdraw-handover":     object{"reason": "wrong dock"},
	"acknowledge-excursion": object{"name": "A. Person", "meaning": "reviewed", "reason": "door open while loading"},
	"dispose-shipment":      object{"decision": "release", "name": "A. Person", "meaning": "approved", "reason": "within the stability budget", "verdict_revision": 3},
	"claim-breach":          object{"rule": "hot", "messages": []any{object{"log": strings.Repeat("c7", 32), "leaf": 118}}},
}

const exampleTrip = "time,temperature\n2026-01-31T08:00:00Z,4.5\n2026-01-31T08:05:00Z,5.1\n"

var exampleRules = object{"schema": "trackseal-rule-set/1", "id": "our-2-8", "version": 1, "title": "Our goods, 2 to 8 °C", "max_gap_s": 900, "rules": []any{
	object{"id": "hot", "severity": "critical", "limit": object{"metric": "temperature", "op": ">=", "value": "12", "mode": "instant"}},
	object{"id": "warm", "severity": "major", "limit": object{"metric": "temperature", "op": ">", "value": "8", "mode": "consecutive", "duration_s": 1800}},
}}
