//go:build js && wasm

// Command wasm is the verifier for browsers: it defines the function tracksealVerify(bundle: Uint8Array, policy: string,
// nonce: string (hex, may be empty), progress?: (done, total) => void) and answers the report as JSON, or {"error": "…"}
// when policy or nonce cannot be read.
package main

import (
	"syscall/js"

	"github.com/trackseal/trackseal/verify/internal/browser"
)

func main() {
	js.Global().Set("tracksealVerify", js.FuncOf(func(_ js.Value, args []js.Value) any {
		bundle := make([]byte, args[0].Get("length").Int())
		js.CopyBytesToGo(bundle, args[0])
		var progress func(done, total uint64)
		if len(args) > 3 && args[3].Type() == js.TypeFunction {
			progress = func(done, total uint64) { args[3].Invoke(float64(done), float64(total)) }
		}
		return browser.Verify(bundle, args[1].String(), args[2].String(), progress)
	}))
	select {} // the function lives as long as the page
}
