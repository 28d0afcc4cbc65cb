package journey

import (
	"reflect"
	"testing"

	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/ledger"
)

func TestOf(t *testing.T) {
	s := ledger.Shipment{
		Creator: "ShipperMSP", Custodian: "ConsigneeMSP", CreatedMS: 5, DeliveredMS: 90, ClosedMS: 99,
		Parties: ledger.Parties{ledger.Shipper: {"ShipperMSP"}, ledger.Carrier: {"CarrierMSP"}, ledger.Consignee: {"ConsigneeMSP"}},
		Assignments: []ledger.Assignment{
			{Tracker: "b", FromMS: 20, ToMS: 40}, {Tracker: "a", FromMS: 10, Calibration: &ledger.Calibration{ValidFromMS: 1, ValidToMS: 50}}, {Tracker: "b", FromMS: 50},
		},
		Carried: []ledger.Spent{{Rule: "thaw", Band: "warm", SpentS: 7}},
	}
	handovers := []ledger.Handover{
		{N: 2, From: "CarrierMSP", To: "ConsigneeMSP", State: ledger.Accepted, AnswerMS: 80},
		{N: 0, From: "ShipperMSP", To: "CarrierMSP", State: ledger.Rejected, AnswerMS: 25},
		{N: 1, From: "ShipperMSP", To: "CarrierMSP", State: ledger.Accepted, AnswerMS: 30},
	}
	trackers := []ledger.Tracker{{ID: "b", Model: "m", Alg: -19}, {ID: "z"}}
	want := detect.Journey{
		FromMS: 10, DepartMS: 30, DeliverMS: 80, EndMS: 90,
		Legs: []detect.Leg{{Custodian: "ShipperMSP", FromMS: 10, ToMS: 30}, {Custodian: "CarrierMSP", FromMS: 30, ToMS: 80}, {Custodian: "ConsigneeMSP", FromMS: 80, ToMS: 90}},
		Trackers: []detect.Tracker{
			{ID: "a", Windows: []detect.Window{{FromMS: 10}}, Calibrations: []detect.Window{{FromMS: 1, ToMS: 50}}},
			{ID: "b", Signed: true, Model: "m", Windows: []detect.Window{{FromMS: 20, ToMS: 40}, {FromMS: 50}}},
		},
		Carried: []detect.Carried{{Rule: "thaw", Band: "warm", SpentMS: 7000}},
	}
	if got := Of(s, handovers, trackers); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	s.Assignments = nil
	if got := Of(s, nil, nil); got.FromMS != 5 || len(got.Trackers) != 0 || len(got.Legs) != 1 {
		t.Errorf("got %+v, want one leg from 5 on and no tracker", got)
	}
}
