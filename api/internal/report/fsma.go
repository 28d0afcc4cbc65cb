package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/xuri/excelize/v2"
)

// TrackingEvent is one critical tracking event of FSMA 204 (21 CFR 1.1340, 1.1345): the shipping or the receiving of a
// traceability lot, as custody moved on the ledger. Members that the ledger does not hold are "", and are named in the
// column "missing", so that nobody takes a blank for a fact.
type TrackingEvent struct {
	Kind         string // shipping | receiving
	Lot          string // traceability lot code
	Product      string
	Quantity     string
	Unit         string
	FromLocation string // description of the immediate previous source, or where it was shipped from
	ToLocation   string
	TimeMS       int64
	LotSource    string // traceability lot code source
	Shipment     string // reference document number
	Document     string // reference document type
	Tx           string
}

var fsmaHeader = []string{"Critical tracking event", "Traceability lot code", "Product description", "Quantity", "Unit of measure", "Ship-from location", "Ship-to location", "Date", "Time (UTC)",
	"Traceability lot code source", "Reference document type", "Reference document number", "Ledger transaction", "Missing key data elements"}

func (e *TrackingEvent) cells() []string {
	day, clock, _ := strings.Cut(stamp(e.TimeMS), "T")
	row := []string{e.Kind, e.Lot, e.Product, e.Quantity, e.Unit, e.FromLocation, e.ToLocation, day, strings.TrimSuffix(clock, "Z"), e.LotSource, e.Document, e.Shipment, e.Tx}
	var missing []string
	for i, v := range row[:10] {
		if v == "" {
			missing = append(missing, strings.ToLower(fsmaHeader[i]))
		}
	}
	return append(row, strings.Join(missing, ", "))
}

// FSMACSV writes the sortable list as CSV.
func FSMACSV(w io.Writer, events []TrackingEvent) error {
	rows := make([][]string, len(events))
	for i := range events {
		rows[i] = events[i].cells()
		for j := range rows[i] {
			rows[i][j] = cell(rows[i][j])
		}
	}
	return writeCSV(w, fsmaHeader, rows)
}

// FSMAXLSX writes the electronic sortable spreadsheet that the rule asks for.
func FSMAXLSX(w io.Writer, events []TrackingEvent) error {
	f := excelize.NewFile()
	defer f.Close()
	b := &book{File: f}
	b.styles()
	sheet(b, "Tracking events", fsmaHeader, events, func(e TrackingEvent) []any {
		var cells []any
		for _, v := range e.cells() {
			cells = append(cells, v)
		}
		return cells
	})
	b.keep(f.DeleteSheet("Sheet1"))
	if b.err != nil {
		return fmt.Errorf("tracking events as XLSX: %w", b.err)
	}
	_, err := f.WriteTo(w)
	return err
}
