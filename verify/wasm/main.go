//go:build js && wasm

// Command wasm is the verifier for browsers. It defines the function
//
//	tracksealVerify(read, policy, nonce, progress)
//
// where read(offset, length) answers a Uint8Array of the bundle, shorter than length only at its end; policy is the policy
// file's text; nonce is hex, "" when none was given; progress(done, total), optional, counts leaves. The answer is the report
// as JSON, or {"error": "…"} when policy, nonce or file cannot be read. A worker should call it: it takes as long as it takes.
package main

import (
	"errors"
	"syscall/js"

	"github.com/trackseal/trackseal/verify/internal/browser"
)

func main() {
	js.Global().Set("tracksealVerify", js.FuncOf(func(_ js.Value, args []js.Value) any {
		var progress func(done, total uint64)
		if len(args) > 3 && args[3].Type() == js.TypeFunction {
			progress = func(done, total uint64) { args[3].Invoke(float64(done), float64(total)) }
		}
		return browser.Verify(browser.Chunks(file(args[0])), args[1].String(), args[2].String(), progress)
	}))
	select {} // the function lives as long as the worker
}

// file calls back into JavaScript, where a read may fail: a file on disk can change or vanish under the page.
func file(read js.Value) func(int64, int) ([]byte, error) {
	return func(offset int64, length int) (part []byte, err error) {
		defer func() {
			if r := recover(); r != nil {
				thrown, ok := r.(js.Error)
				if !ok {
					panic(r)
				}
				err = errors.New(thrown.Get("message").String())
			}
		}()
		bytes := read.Invoke(float64(offset), length)
		part = make([]byte, bytes.Get("length").Int())
		js.CopyBytesToGo(part, bytes)
		return part, nil
	}
}
