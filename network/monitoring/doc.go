// Package monitoring tries the alert rules that lie beside it, and the queries of the dashboard of operation.
package monitoring
