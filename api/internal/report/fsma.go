package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"
)

// TrackingEvent is one critical tracking event of FSMA 204 (21 CFR 1.1340, 1.1345): the shipping or the receiving of a
// traceability lot, as custody moved on the ledger between those who are no transporters. Members that nobody gave are "", and are named in
// the column "missing", so that nobody takes a blank for a fact.
type TrackingEvent struct {
	Kind           string // shipping | receiving
	Lot            string // traceability lot code
	Product        string
	Quantity       string
	Unit           string
	FromLocation   string // where it was shipped from: the immediate previous source
	ToLocation     string // where it was received: the immediate subsequent recipient
	TimeMS         int64  // 0 = not known
	OrderMS        int64  // place in the list: its time, or that of the receiving to which it belongs
	LotSource      string // traceability lot code source
	Document       string // reference document type
	DocumentNumber string
	Shipment       string
	Tx             string
}

// keyData are the members that the rule asks for, by their place among the columns.
const keyData = 12

func fsmaHead(c clock) []string {
	return []string{"Critical tracking event", "Traceability lot code", "Product description", "Quantity", "Unit of measure", "Ship-from location", "Ship-to location", "Date (" + c.name() + ")", "Time (" + c.name() + ")",
		"Traceability lot code source", "Reference document type", "Reference document number", "Time (UTC)", "Trackseal shipment", "Ledger transaction", "Missing key data elements"}
}

// cells of a row, in the form of a workbook.
func (e *TrackingEvent) cells(c clock) []any {
	var date, hour any
	if e.TimeMS != 0 {
		date, hour = day{c.in(e.TimeMS)}, timeOfDay{c.in(e.TimeMS)}
	}
	row := []any{e.Kind, e.Lot, e.Product, decimal(e.Quantity), e.Unit, e.FromLocation, e.ToLocation, date, hour, e.LotSource, e.Document, e.DocumentNumber, at(e.TimeMS), e.Shipment, e.Tx}
	var missing []string
	for i, v := range row[:keyData] {
		if i != 8 && (v == nil || v == "") { // the rule asks for no time of day
			name, _, _ := strings.Cut(fsmaHead(c)[i], " (")
			missing = append(missing, strings.ToLower(name))
		}
	}
	return append(row, strings.Join(missing, ", "))
}

// FSMACSV writes the sortable list as CSV.
func FSMACSV(w io.Writer, events []TrackingEvent, zone *time.Location) error {
	c := clockOf(zone)
	rows := make([][]string, len(events))
	for i, e := range events {
		for _, v := range e.cells(c) {
			text := ""
			switch x := v.(type) {
			case nil:
			case day:
				text = x.Format("2006-01-02")
			case timeOfDay:
				text = x.Format("15:04:05-07:00")
			case time.Time:
				text = stamp(e.TimeMS)
			case string:
				text = cell(x)
			case float64:
				text = e.Quantity
			}
			rows[i] = append(rows[i], text)
		}
	}
	return writeCSV(w, fsmaHead(c), rows)
}

// FSMAXLSX writes the electronic sortable spreadsheet that the rule asks for. Dates and times are cells of that kind.
func FSMAXLSX(w io.Writer, events []TrackingEvent, zone *time.Location) error {
	f := excelize.NewFile()
	defer f.Close()
	b := &book{File: f, clock: clockOf(zone)}
	b.styles()
	t := table{title: "Tracking events"}
	for _, h := range fsmaHead(b.clock) {
		t.head = append(t.head, column{head: h})
	}
	for i := range events {
		t.rows = append(t.rows, events[i].cells(b.clock))
	}
	b.table(t)
	b.keep(f.DeleteSheet("Sheet1"))
	if b.err != nil {
		return fmt.Errorf("tracking events as XLSX: %w", b.err)
	}
	_, err := f.WriteTo(w)
	return err
}
