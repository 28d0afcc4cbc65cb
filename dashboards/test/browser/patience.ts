// patience bounds each wait for something to show, in ms. A busy machine is slow: Playwright's own 30 s have been too short for
// a verifier of 10 MB beside other work.
export const patience = 90_000;
