// Package thermal has the rules on heat over time: the mean kinetic temperature and the stability budget (time out of
// refrigeration). It uses integers only, so that every processor comes to the same verdict.
//
// Judged time begins with a detector's first reading; the wait before it, and the time between a Cut and the next reading, are
// the evaluator's to charge.
package thermal
