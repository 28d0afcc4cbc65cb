package contract

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// message is a signed message of a tracker, as published.
func (d device) message(tracker string, signedMS int64, readings ...telemetry.Reading) []byte {
	raw, err := telemetry.Encode(d.signer, telemetry.Claims{Tracker: tracker, Boot: 1, TimeMS: signedMS}, readings)
	if err != nil {
		panic(err)
	}
	return raw
}

func temperature(ms int64, v float64) telemetry.Reading {
	return telemetry.Reading{TimeMS: ms, Values: map[string]float64{"temperature": v}}
}

func breachArgs(shipment string, messages ...ledger.BreachMessage) ledger.BreachArgs {
	return ledger.BreachArgs{Shipment: shipment, RuleHash: ruleHash, Rule: "hot", Metric: "temperature", Op: ">=", Messages: messages}
}

// hotTrip is a shipment in transit with tracker carrier.T-1, and a true claim: 30.25 °C, then 26.
func hotTrip(w *world) ledger.BreachArgs {
	w.t.Helper()
	w.enrol(carrierOp, "carrier.T-1")
	w.create(carrierOp, "carrier.S-1")
	w.assign(carrierOp, "carrier.S-1", "carrier.T-1")
	from := w.ms
	w.ms += 60_000
	d := edDevice("carrier.T-1")
	return breachArgs("carrier.S-1",
		ledger.BreachMessage{Raw: d.message("carrier.T-1", from+20_000, temperature(from+10_000, 5), temperature(from+15_000, 30.25)), TimeMS: from + 15_000},
		ledger.BreachMessage{Raw: d.message("carrier.T-1", from+30_000, temperature(from+25_000, 26)), TimeMS: from + 25_000},
	)
}

func TestATrueBreachNeedsNobodysWord(t *testing.T) {
	for _, by := range []who{carrierOp, shipperOp, consigneeOp, carrierIn, shipperIn} {
		w := newWorld(t)
		a := hotTrip(w)
		e := must[ledger.Excursion](w, by, ledger.ComplianceBreach, ledger.EventExcursion, a)
		first := a.Messages[0].TimeMS
		if e.ID != ledger.BreachID("hot", "carrier.T-1", first) || !e.Verified || e.Tracker != "carrier.T-1" || e.Metric != "temperature" || e.Op != ">=" ||
			e.Limit != "25" || e.Peak != "30.25" || e.StartMS != first || e.EndMS != a.Messages[1].TimeMS || e.By != by.msp ||
			e.OpenMS != w.ms || e.CloseMS != w.ms || e.OpenTx == "" || e.CloseTx != e.OpenTx || e.RuleHash != ruleHash {
			t.Fatalf("got %+v", e)
		}
		if len(e.Witnesses) != 2 || e.Witnesses[0].Value != "30.25" || e.Witnesses[1].Value != "26" || e.Witnesses[1].TimeMS != e.EndMS || !ledger.IsHash(e.Witnesses[0].Message) {
			t.Fatalf("got %+v", e.Witnesses)
		}
		// The same claim once more, by whomever; a recorder cannot close it, and its own record has another id.
		w.refused(ledger.Exists, shipperOp, ledger.ComplianceBreach, a)
		w.refused(ledger.BadState, carrierIn, ledger.ComplianceClose, ledger.Excursion{ID: e.ID, Shipment: "carrier.S-1", EndMS: e.EndMS, Peak: "1", Logs: logs("a", 1)})
		must[ledger.Excursion](w, carrierIn, ledger.ComplianceOpen, ledger.EventExcursion, excursion("hot/T-1/1"))
	}
}

func TestWhoMayClaimABreach(t *testing.T) {
	w := newWorld(t)
	a := hotTrip(w)
	w.refused(ledger.NotFound, auditorOp, ledger.ComplianceBreach, a)
	w.refused(ledger.NotFound, who{auditor, Ingest}, ledger.ComplianceBreach, a)
	w.refused(ledger.Forbidden, who{carrier, ""}, ledger.ComplianceBreach, a)
	w.refused(ledger.Forbidden, who{carrier, "admin"}, ledger.ComplianceBreach, a)
}

// Each way to lie in a claim, with the exact reason that the liar hears.
func TestFalseBreachClaims(t *testing.T) {
	d := edDevice("carrier.T-1")
	for _, tc := range []struct {
		name   string
		lie    func(w *world, a *ledger.BreachArgs)
		code   ledger.Code
		reason string
	}{
		{"within the limit", func(_ *world, a *ledger.BreachArgs) { a.Messages[0].TimeMS -= 5_000 }, ledger.BadProof, "messages[0]: temperature 5 keeps the limit of rule hot"},
		{"one of several within the limit", func(_ *world, a *ledger.BreachArgs) {
			at := a.Messages[1].TimeMS
			a.Messages[1].Raw = d.message("carrier.T-1", at, temperature(at, 24.999))
		}, ledger.BadProof, "messages[1]: temperature 24.999 keeps the limit"},
		{"no such reading", func(_ *world, a *ledger.BreachArgs) { a.Messages[0].TimeMS++ }, ledger.BadProof, "messages[0] has no reading of"},
		{"another metric only", func(_ *world, a *ledger.BreachArgs) {
			at := a.Messages[0].TimeMS
			a.Messages[0].Raw = d.message("carrier.T-1", at, telemetry.Reading{TimeMS: at, Values: map[string]float64{"humidity": 99}})
		}, ledger.BadProof, "has no temperature"},
		{"signed by another key", func(_ *world, a *ledger.BreachArgs) {
			at := a.Messages[0].TimeMS
			a.Messages[0].Raw = edDevice("thief").message("carrier.T-1", at, temperature(at, 99))
		}, ledger.BadProof, "is none of tracker carrier.T-1"},
		{"signature changed", func(_ *world, a *ledger.BreachArgs) {
			m, err := telemetry.Decode(a.Messages[0].Raw)
			if err != nil {
				panic(err)
			}
			i := strings.Index(string(a.Messages[0].Raw), string(m.Pack))
			a.Messages[0].Raw = slices.Clone(a.Messages[0].Raw)
			a.Messages[0].Raw[i-4] ^= 1 // the signature ends right before the pack's header
		}, ledger.BadProof, "bad_signature"},
		{"reading changed", func(_ *world, a *ledger.BreachArgs) {
			warm, hot := d.message("carrier.T-1", t0, temperature(t0, 9)), d.message("carrier.T-1", t0, temperature(t0, 99))
			m, _ := telemetry.Decode(warm)
			n, _ := telemetry.Decode(hot)
			if len(m.Pack) != len(n.Pack) {
				panic("lengths")
			}
			a.Messages[0].Raw = append(warm[:len(warm)-len(m.Pack):len(warm)-len(m.Pack)], n.Pack...)
		}, ledger.Invalid, "pack_mismatch"},
		{"bytes after the message", func(_ *world, a *ledger.BreachArgs) { a.Messages[0].Raw = append(slices.Clone(a.Messages[0].Raw), 0) }, ledger.Invalid, "messages[0]:"},
		{"no message", func(_ *world, a *ledger.BreachArgs) { a.Messages = nil }, ledger.Invalid, "messages: 0 given"},
		{"too many", func(_ *world, a *ledger.BreachArgs) { a.Messages = make([]ledger.BreachMessage, ledger.MaxWitnesses+1) }, ledger.Invalid, "1 to 8 are accepted"},
		{"too large", func(_ *world, a *ledger.BreachArgs) { a.Messages[0].Raw = make([]byte, telemetry.MaxMessage+1) }, ledger.Invalid, "bytes, base64"},
		{"the same twice", func(_ *world, a *ledger.BreachArgs) { a.Messages[1] = a.Messages[0] }, ledger.Invalid, "must be after the one before it"},
		{"plain JSON", func(_ *world, a *ledger.BreachArgs) { a.Messages[0].Raw = []byte(`{"temperature":99}`) }, ledger.Invalid, "messages[0]: malformed"},

		{"tracker unknown", func(_ *world, a *ledger.BreachArgs) {
			at := a.Messages[0].TimeMS
			a.Messages[0].Raw = edDevice("carrier.T-9").message("carrier.T-9", at, temperature(at, 99))
		}, ledger.Conflict, "tracker carrier.T-9 was not assigned to shipment carrier.S-1"},
		{"tracker of another shipment", func(w *world, a *ledger.BreachArgs) {
			w.enrol(carrierOp, "carrier.T-2")
			w.create(carrierOp, "carrier.S-2")
			w.assign(carrierOp, "carrier.S-2", "carrier.T-2")
			at := a.Messages[0].TimeMS
			a.Messages = a.Messages[:1]
			a.Messages[0].Raw = edDevice("carrier.T-2").message("carrier.T-2", at, temperature(at, 99))
		}, ledger.Conflict, "tracker carrier.T-2 was not assigned to shipment carrier.S-1"},
		{"two trackers", func(w *world, a *ledger.BreachArgs) {
			w.enrol(carrierOp, "carrier.T-2")
			w.assign(carrierOp, "carrier.S-1", "carrier.T-2")
			at := a.Messages[1].TimeMS
			a.Messages[1].Raw = edDevice("carrier.T-2").message("carrier.T-2", at, temperature(at, 99))
		}, ledger.Invalid, "claim them apart"},
		{"before the assignment", func(_ *world, a *ledger.BreachArgs) {
			at := a.Messages[0].TimeMS - 20_000
			a.Messages[0] = ledger.BreachMessage{Raw: d.message("carrier.T-1", at, temperature(at, 99)), TimeMS: at}
		}, ledger.Conflict, "was not assigned to shipment carrier.S-1 at"},
		{"after the assignment", func(w *world, a *ledger.BreachArgs) {
			must[ledger.Shipment](w, carrierOp, ledger.ShipmentUnassign, ledger.EventShipment, ledger.UnassignArgs{Shipment: "carrier.S-1", Tracker: "carrier.T-1"})
			a.Messages[1] = ledger.BreachMessage{Raw: d.message("carrier.T-1", w.ms, temperature(w.ms, 99)), TimeMS: w.ms}
		}, ledger.Conflict, "messages[1]: tracker carrier.T-1 was not assigned"},
		{"after the delivery", func(w *world, a *ledger.BreachArgs) {
			must[ledger.Shipment](w, carrierOp, ledger.ShipmentPropose, ledger.EventShipment, ledger.ProposeArgs{ID: "carrier.S-1", To: consignee})
			must[ledger.Shipment](w, consigneeOp, ledger.ShipmentAccept, ledger.EventShipment, ledger.IDArgs{ID: "carrier.S-1"})
			must[ledger.Shipment](w, consigneeOp, ledger.ShipmentDeliver, ledger.EventShipment, ledger.IDArgs{ID: "carrier.S-1"})
			a.Messages[1] = ledger.BreachMessage{Raw: d.message("carrier.T-1", w.ms, temperature(w.ms, 99)), TimeMS: w.ms}
		}, ledger.Conflict, "messages[1]: the shipment was delivered at"},
		{"reading in the future", func(w *world, a *ledger.BreachArgs) {
			at := w.ms + 10*ledger.SkewMS
			a.Messages[1] = ledger.BreachMessage{Raw: d.message("carrier.T-1", w.ms, temperature(at, 99)), TimeMS: at}
		}, ledger.Conflict, "lies in the future"},
		{"signed in the future", func(w *world, a *ledger.BreachArgs) {
			at := a.Messages[0].TimeMS
			a.Messages[0].Raw = d.message("carrier.T-1", w.ms+10*ledger.SkewMS, temperature(at, 99))
		}, ledger.Conflict, "signed time"},

		{"key replaced long before", func(w *world, a *ledger.BreachArgs) {
			next := edDevice("next")
			must[ledger.Tracker](w, carrierOp, ledger.TrackerRotate, ledger.EventTracker, ledger.RotateArgs{
				ID: "carrier.T-1", Alg: next.alg, Public: next.public, Proof: next.possess("carrier.T-1", carrier, next), Old: d.possess("carrier.T-1", carrier, next)})
			w.ms += 10 * ledger.SkewMS
			at := a.Messages[1].TimeMS
			a.Messages[1].Raw = d.message("carrier.T-1", w.ms, temperature(at, 99))
		}, ledger.Conflict, "messages[1]: key"},
		{"key of later signs for earlier", func(w *world, a *ledger.BreachArgs) {
			w.ms += 10 * ledger.SkewMS
			next := edDevice("next")
			must[ledger.Tracker](w, carrierOp, ledger.TrackerRotate, ledger.EventTracker, ledger.RotateArgs{
				ID: "carrier.T-1", Alg: next.alg, Public: next.public, Proof: next.possess("carrier.T-1", carrier, next), Lost: true})
			at := a.Messages[0].TimeMS
			a.Messages[0].Raw = next.message("carrier.T-1", at, temperature(at, 99))
		}, ledger.Conflict, "was not in force"},
		{"tracker revoked", func(w *world, a *ledger.BreachArgs) {
			must[ledger.Tracker](w, carrierOp, ledger.TrackerRevoke, ledger.EventTracker, ledger.RevokeArgs{ID: "carrier.T-1", Cause: "stolen"})
		}, ledger.Conflict, "is revoked"},

		{"other rules", func(_ *world, a *ledger.BreachArgs) { a.RuleHash = hexHash("strict rules") }, ledger.Conflict, "rule_hash differs"},
		{"no such rule", func(_ *world, a *ledger.BreachArgs) { a.Rule = "scorching" }, ledger.Invalid, "has no rule scorching"},
		{"a rule with a duration", func(_ *world, a *ledger.BreachArgs) { a.Rule, a.Op = "warm", ">" }, ledger.Invalid, "not instant"},
		{"another metric", func(_ *world, a *ledger.BreachArgs) { a.Metric = "humidity" }, ledger.Invalid, "is temperature >= 25, not humidity >="},
		{"another comparator", func(_ *world, a *ledger.BreachArgs) { a.Op = "<=" }, ledger.Invalid, "is temperature >= 25, not temperature <="},
		{"no shipment", func(_ *world, a *ledger.BreachArgs) { a.Shipment = "carrier.S-9" }, ledger.NotFound, "there is no shipment carrier.S-9"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			a := hotTrip(w)
			tc.lie(w, &a)
			_, e := w.submit(shipperOp, ledger.ComplianceBreach, a, nil)
			if e == nil || e.Code != tc.code || !strings.Contains(e.Message, tc.reason) {
				t.Errorf("got %v, want [%s] … %s", e, tc.code, tc.reason)
			}
		})
	}
}

// What is no measurement breaks no limit, by what the tracker's record stated when it was assigned: nobody can make a breach of it that would
// stand for good.
func TestNoBreachByAFault(t *testing.T) {
	stated := []telemetry.Sensor{{Quantity: "temperature", Model: "ds18b20"}}
	for _, tc := range []struct {
		name    string
		sensors []telemetry.Sensor
		value   float64
		reason  string // "" = a breach
	}{
		{"power-on value of the sensor that is stated", stated, 85, "temperature: sensor error value 85"},
		{"the same of a sensor of which nothing is stated", nil, 85, ""},
		{"error value that is always recognised", nil, 327.67, "temperature: sensor error value 327.67"},
		{"as a device in single precision sends it", nil, float64(float32(327.67)), "temperature: sensor error value 327.67"},
		{"not at the stated sensor", []telemetry.Sensor{{Quantity: "temperature", Min: "-200", Max: "500"}}, 327.67, ""},
		{"beyond what sensors for goods measure", nil, 130, "temperature: 130 is outside of the sensor's range"},
		{"beyond the stated range", []telemetry.Sensor{{Quantity: "temperature", Max: "60"}}, 61, "temperature: 61 is outside of the sensor's range"},
		{"statement of another quantity", []telemetry.Sensor{{Quantity: "humidity", ErrorValues: []string{"85"}}}, 85, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			w.enrol(carrierOp, "carrier.T-1")
			if tc.sensors != nil {
				must[ledger.Tracker](w, carrierOp, ledger.TrackerSensors, ledger.EventTracker, ledger.SensorsArgs{ID: "carrier.T-1", Sensors: tc.sensors})
			}
			w.create(carrierOp, "carrier.S-1")
			s := w.assign(carrierOp, "carrier.S-1", "carrier.T-1")
			if !reflect.DeepEqual(s.Assignments[0].Sensors, tc.sensors) {
				t.Errorf("the assignment keeps %+v, want %+v", s.Assignments[0].Sensors, tc.sensors)
			}
			// What is stated later counts for later assignments.
			must[ledger.Tracker](w, carrierOp, ledger.TrackerSensors, ledger.EventTracker, ledger.SensorsArgs{ID: "carrier.T-1", Sensors: []telemetry.Sensor{{Quantity: "temperature", Max: "8"}}})
			at := w.ms
			a := breachArgs("carrier.S-1", ledger.BreachMessage{Raw: edDevice("carrier.T-1").message("carrier.T-1", at, temperature(at, tc.value)), TimeMS: at})
			e, err := w.submit(consigneeOp, ledger.ComplianceBreach, a, nil)
			switch {
			case tc.reason == "" && err != nil:
				t.Errorf("got %v, want a breach", err)
			case tc.reason != "" && (err == nil || err.Code != ledger.BadProof || !strings.Contains(err.Message, tc.reason)):
				t.Errorf("got %v %v, want BAD_PROOF … %s", e, err, tc.reason)
			}
		})
	}
}

func TestSensorsAreTheOwnersWord(t *testing.T) {
	w := newWorld(t)
	w.enrol(carrierOp, "carrier.T-1")
	good := ledger.SensorsArgs{ID: "carrier.T-1", Sensors: []telemetry.Sensor{{Quantity: "temperature", Model: "our probe", ErrorValues: []string{"-99.9"}, Min: "-40", Max: "85"}}}
	w.refused(ledger.NotFound, shipperOp, ledger.TrackerSensors, good)
	w.refused(ledger.Forbidden, carrierIn, ledger.TrackerSensors, good)
	for name, s := range map[string][]telemetry.Sensor{
		"unknown quantity": {{Quantity: "taste"}}, "twice": {{Quantity: "humidity"}, {Quantity: "humidity"}}, "no decimal": {{Quantity: "humidity", Min: "1e3"}},
		"empty error value": {{Quantity: "humidity", ErrorValues: []string{""}}}, "empty range": {{Quantity: "humidity", Min: "50", Max: "50"}}, "model": {{Quantity: "humidity", Model: "<b>"}},
	} {
		t.Log(name)
		w.refused(ledger.Invalid, carrierOp, ledger.TrackerSensors, ledger.SensorsArgs{ID: "carrier.T-1", Sensors: s})
	}
	if tr := must[ledger.Tracker](w, carrierOp, ledger.TrackerSensors, ledger.EventTracker, good); !reflect.DeepEqual(tr.Sensors, good.Sensors) {
		t.Errorf("got %+v", tr.Sensors)
	}
}

// A recorder cannot give its own word the look of a proof.
func TestARecorderCannotVerify(t *testing.T) {
	w := newWorld(t)
	w.create(carrierOp, "carrier.S-1")
	e := excursion("warm/T-1/1")
	e.Verified, e.Tracker, e.Op, e.Witnesses = true, "carrier.T-1", ">", []ledger.Witness{{Message: hexHash("m"), TimeMS: t0, Value: "99"}}
	got := must[ledger.Excursion](w, carrierIn, ledger.ComplianceOpen, ledger.EventExcursion, e)
	if got.Verified || got.Witnesses != nil || got.Op != "" || got.Tracker != "" {
		t.Errorf("believed %+v", got)
	}
	w.refused(ledger.Invalid, carrierIn, ledger.ComplianceOpen, excursion(ledger.BreachID("hot", "carrier.T-1", t0)))
}

// A message signed before its tracker was enrolled counts while the assignment's window, also in the past, covers it; a
// message that the old key signed around a rotation counts too.
func TestBreachesOfRecordedTripsAndRotations(t *testing.T) {
	w := newWorld(t)
	d, next := edDevice("carrier.T-1"), edDevice("next")
	w.enrol(carrierOp, "carrier.T-1")
	w.create(carrierOp, "carrier.S-1")
	past := t0 - 86_400_000
	must[ledger.Shipment](w, carrierOp, ledger.ShipmentAssign, ledger.EventShipment, ledger.AssignArgs{Shipment: "carrier.S-1", Tracker: "carrier.T-1", FromMS: past})
	claim := func(d device, signedMS, at int64) ledger.BreachArgs {
		return breachArgs("carrier.S-1", ledger.BreachMessage{Raw: d.message("carrier.T-1", signedMS, temperature(at, 40)), TimeMS: at})
	}
	must[ledger.Excursion](w, consigneeOp, ledger.ComplianceBreach, ledger.EventExcursion, claim(d, past+5, past+1))
	w.ms += 10 * ledger.SkewMS
	must[ledger.Tracker](w, carrierOp, ledger.TrackerRotate, ledger.EventTracker, ledger.RotateArgs{
		ID: "carrier.T-1", Alg: next.alg, Public: next.public, Proof: next.possess("carrier.T-1", carrier, next), Old: d.possess("carrier.T-1", carrier, next)})
	rotated := w.ms
	must[ledger.Excursion](w, consigneeOp, ledger.ComplianceBreach, ledger.EventExcursion, claim(d, rotated+ledger.SkewMS, past+2))
	for n, minutes := range []int64{1, 4, 6, 7, 9, 11} {
		w.ms = rotated + minutes*60_000
		a := claim(d, w.ms, past+10+int64(n))
		if minutes > 10 {
			w.refused(ledger.Conflict, consigneeOp, ledger.ComplianceBreach, a)
		} else {
			must[ledger.Excursion](w, consigneeOp, ledger.ComplianceBreach, ledger.EventExcursion, a)
		}
	}
	// The new key signs what the device had measured before.
	must[ledger.Excursion](w, consigneeOp, ledger.ComplianceBreach, ledger.EventExcursion, claim(next, rotated+1, past+3))
}

func TestBreachesOfOtherMetrics(t *testing.T) {
	w := newWorld(t)
	w.enrol(carrierOp, "carrier.T-1")
	a := createArgs("carrier.S-1")
	fragile := lookup("fragile-goods@1")
	a.RuleSet, a.RuleSetHash = fragile.Ref(), fragile.Hash()
	must[ledger.Shipment](w, carrierOp, ledger.ShipmentCreate, ledger.EventShipment, a)
	w.assign(carrierOp, "carrier.S-1", "carrier.T-1")
	at := w.ms
	impact := telemetry.Reading{TimeMS: at, Values: map[string]float64{"accel_x": 200, "accel_y": 150, "accel_z": 0.5}}
	claim := ledger.BreachArgs{Shipment: "carrier.S-1", RuleHash: fragile.Hash(), Rule: "hard-impact", Metric: "acceleration", Op: ">=",
		Messages: []ledger.BreachMessage{{Raw: edDevice("carrier.T-1").message("carrier.T-1", at, impact), TimeMS: at}}}
	e := must[ledger.Excursion](w, shipperOp, ledger.ComplianceBreach, ledger.EventExcursion, claim)
	if want := math.Sqrt(200*200 + 150*150 + 0.25); !strings.HasPrefix(e.Peak, "250.00") || want < 250 || e.Limit != "245.16625" {
		t.Errorf("got %+v", e)
	}
}

// Where the goods are is no part of the claim that they were too warm: the transaction holds nothing of the messages, which go to the
// endorsing peers only.
func TestAttackPositionsInAClaim(t *testing.T) {
	w := newWorld(t)
	a := hotTrip(w)
	at := a.Messages[0].TimeMS
	a.Messages = a.Messages[:1]
	a.Messages[0].Raw = edDevice("carrier.T-1").message("carrier.T-1", at+1000, telemetry.Reading{TimeMS: at, Values: map[string]float64{"temperature": 31, "lat": 47.557421, "lon": 7.592573}})
	arg, err := ledger.Encode(a)
	if err != nil {
		t.Fatal(err)
	}
	m, err := telemetry.Decode(a.Messages[0].Raw)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := w.run(consigneeOp, ledger.ComplianceBreach, a)
	if err != nil {
		t.Fatal(err)
	}
	written := append(arg, answer.Payload...)
	for _, r := range answer.Writes {
		written = append(written, r.Value...)
	}
	for name, part := range map[string][]byte{"pack": m.Pack, "pack in base64": []byte(base64.StdEncoding.EncodeToString(m.Pack)[:32]), "latitude": []byte("47.5574"), "longitude": []byte("7.5925")} {
		if bytes.Contains(written, part) {
			t.Errorf("the %s is in the transaction:\n%s", name, written)
		}
	}
	var e ledger.Excursion
	if err := json.Unmarshal(answer.Payload, &e); err != nil || len(e.Witnesses) != 1 || e.Witnesses[0].Message != hex.EncodeToString(m.COSEHash[:]) || e.Peak != "31" {
		t.Errorf("got %+v (%v), want the message's hash and 31 degrees", e, err)
	}

	// The argument alone, or with other messages than it tells of, proves nothing.
	for name, private := range map[string]string{
		"nothing": "", "no JSON": "x", "none": `{"messages":[]}`, "two": `{"messages":["aGk=","aGk="]}`, "another form": `{"raw":["aGk="]}`, "no message": `{"messages":["aGk="]}`,
	} {
		call := w.call(consigneeOp)
		call.Private = private
		if _, err := Run(w.state, call, ledger.ComplianceBreach.Name(), arg); ledger.CodeOf(err) != ledger.Invalid {
			t.Errorf("%s: got %v, want INVALID", name, err)
		}
	}
}

// FuzzBreachMessages throws any bytes at the part of a claim that is not in the transaction.
func FuzzBreachMessages(f *testing.F) {
	w := newWorld(f)
	a := hotTrip(w)
	arg, err := ledger.Encode(a)
	if err != nil {
		f.Fatal(err)
	}
	private, err := a.Private()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(private))
	f.Add("")
	f.Add(`{"messages":[null,"aGk="]}`)
	f.Fuzz(func(t *testing.T, private string) {
		call := w.call(consigneeOp)
		call.Private = private
		if _, err := Run(w.state, call, ledger.ComplianceBreach.Name(), arg); err != nil && ledger.CodeOf(err) == "" {
			t.Errorf("refused without a code: %v", err)
		}
	})
}
