import { createContext } from "preact";
import { useContext, useEffect, useRef } from "preact/hooks";
import { Client } from "./api/client";
import { follow, type LiveState } from "./api/live";
import type { StreamEvent } from "./api/eventstream";
import { Store } from "./store";

// What a signed-in page needs.
export type Signed = { api: Client; token: string; who: string; scopes: string[]; signOut: (why?: string) => void };

export const SignedContext = createContext<Signed | null>(null);

export function useSigned(): Signed {
  const signed = useContext(SignedContext);
  if (!signed) throw new Error("used outside a signed-in page");
  return signed;
}

// liveState is that of the stream of the page on screen.
export const liveState = new Store<LiveState>("off");

// useLive follows the stream at path. It tells two events of its own, since what happened before a stream was open is not
// told by it: `joined` when it is live for the first time, and `resumed` after a break, when also what failed may work again.
export function useLive(path: string, onEvent: (event: StreamEvent) => void): void {
  const { token, signOut } = useSigned();
  const target = useRef(onEvent);
  target.current = onEvent;
  useEffect(() => {
    const stop = new AbortController();
    let before: LiveState = "off";
    void follow({
      path,
      token,
      signal: stop.signal,
      onEvent: (event) => target.current(event),
      onState: (state) => {
        if (stop.signal.aborted) return;
        liveState.set(state);
        if (state === "live") target.current({ event: before === "reconnecting" ? "resumed" : "joined", data: "", id: "" });
        before = state;
      },
      onSignedOut: () => signOut("Your session has ended."),
    });
    return () => {
      stop.abort();
      liveState.set("off");
    };
  }, [path, token]);
}
