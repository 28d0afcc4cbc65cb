// Package dashboards holds what people look at: the web app, which api serves from dist, and two Grafana dashboards.
// It has no code for programs; its tests run the queries of one against a real InfluxDB, network/monitoring those of the other.
package dashboards
