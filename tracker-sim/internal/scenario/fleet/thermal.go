package fleet

import (
	"math"
	"time"
)

// cold is the thermal state of a reefer: its air, the goods, and the tracker between them. The three follow each other
// with their own lags; the cooling switches on and off around the set point.
type cold struct {
	setPoint        float64
	air, goods, box float64
	cooling         bool
}

const (
	wallLag  = 9 * time.Hour    // of the air behind the outside, door closed
	doorLag  = 30 * time.Minute // door open
	massLag  = 5 * time.Hour    // of the goods behind the air
	boxLag   = 20 * time.Minute // of the tracker behind what is around it
	coolRate = 14.0             // °C an hour while cooling
	band     = 1.0              // °C around the set point
)

// step moves on by dt, which must be short against the lags.
func (c *cold) step(dt time.Duration, outside float64, doorOpen bool) {
	h := dt.Hours()
	lag := wallLag
	if doorOpen {
		lag = doorLag
	}
	switch {
	case c.air > c.setPoint+band:
		c.cooling = true
	case c.air < c.setPoint-band:
		c.cooling = false
	}
	c.air += (outside - c.air) * (1 - math.Exp(-h/lag.Hours()))
	if c.cooling && !doorOpen { // a door switch stops the fan
		c.air -= coolRate * h
	}
	c.goods += (c.air - c.goods) * (1 - math.Exp(-h/massLag.Hours()))
	around := 0.45*c.air + 0.55*c.goods
	c.box += (around - c.box) * (1 - math.Exp(-h/boxLag.Hours()))
}
