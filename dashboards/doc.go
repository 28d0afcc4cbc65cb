// Package dashboards holds what people look at: the web app, which api serves from dist, and a Grafana dashboard.
// It has no code for programs; its tests run the Grafana queries against a real InfluxDB.
package dashboards
