# Needs Go, Node 20+ and make. Everything is made below .trackseal; nothing outside the checkout but Go's and npm's caches.
.PHONY: up down status quick test fuzz bench chaos reset generate verify.html dist

## up: build and start the whole system with a demo fleet; prints the dashboard's address. MEMBERS=6: two firms join the four
up:
	@go run ./network up
	@$(if $(MEMBERS),.ci/members $(MEMBERS))

## down: stop it, keep its data
down:
	@.ci/members down
	@go run ./network down

## status: every process with its health
status:
	@.ci/members status
	@go run ./network status

## reset: stop it and forget its data, keep the built servers; says what it deletes and asks, unless YES=1
reset:
	@.ci/members reset $(if $(YES),--yes)
	@go run ./network reset $(if $(YES),--yes)

## test: all tests, on a stack of its own; STAGES="check go" runs some of its stages (.ci/test names them)
test:
	@.ci/test

## quick: the inner loop: format, vet, and every test that needs no stack, without the race detector
quick:
	@STAGES=quick .ci/test

## fuzz: every fuzz target for a while: the evidence verifier's for FUZZTIME (10s), the others for FUZZSHORT (5s)
fuzz:
	@go run -buildvcs=false ./.ci/fuzz -dir .trackseal/test/fuzz -long $${FUZZTIME:-10s} -short $${FUZZSHORT:-5s}

## chaos: the fault table on a real stack under load, half an hour; writes docs/faults.md (CHAOS="-rows 5 -seed 7" plays one row again)
chaos:
	@.ci/chaos

## bench: the figures that the project holds itself to
bench:
	@.ci/bench

## generate: what is made of the API's OpenAPI document (internal/client); run it when that changed
generate:
	@go generate ./internal/client

## verify.html: the evidence verifier as one page that works from disk
verify.html:
	@mkdir -p .trackseal && go run ./verify/standalone -out .trackseal/verify.html && echo .trackseal/verify.html

## dist: the release of the last commit in .trackseal/dist: an archive, a Debian package, SHA256SUMS; CHECK=1 builds it twice and looks into it
dist:
	@.ci/dist/build $(if $(CHECK),--check)
