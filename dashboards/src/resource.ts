import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { Problem } from "./api/problem";

export type Resource<T> = { data: T | undefined; problem: Problem | undefined; loading: boolean; reload: () => void };

// useResource loads when key changes and on reload(). A reload keeps the old data on screen; a failed one keeps it too,
// beside the problem, because old data with a warning is better than none.
export function useResource<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Resource<T> {
  const [state, setState] = useState<{ key: string; data?: T; problem?: Problem; loading: boolean }>({ key, loading: true });
  const [turn, setTurn] = useState(0);
  const loader = useRef(load);
  loader.current = load;

  useEffect(() => {
    const stop = new AbortController();
    setState((old) => (old.key === key ? { ...old, loading: true } : { key, loading: true }));
    loader
      .current(stop.signal)
      .then((data) => !stop.signal.aborted && setState({ key, data, loading: false }))
      .catch((cause: unknown) => {
        if (stop.signal.aborted) return;
        const problem = cause instanceof Problem ? cause : new Problem(0, "failed", "The server's answer could not be read", String(cause));
        setState((old) => ({ key, ...(old.key === key && old.data !== undefined ? { data: old.data } : {}), problem, loading: false }));
      });
    return () => stop.abort();
  }, [key, turn]);

  const reload = useCallback(() => setTurn((n) => n + 1), []);
  const current = state.key === key;
  return {
    data: current ? state.data : undefined,
    problem: current ? state.problem : undefined,
    loading: !current || state.loading,
    reload,
  };
}

// useThrottled runs at most once in each period, and always after the last call.
export function useThrottled(run: () => void, periodMs: number): () => void {
  const target = useRef(run);
  target.current = run;
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return useCallback(() => {
    if (timer.current !== undefined) return;
    timer.current = setTimeout(() => {
      timer.current = undefined;
      target.current();
    }, periodMs);
  }, [periodMs]);
}

// useEvery runs while the page is visible, and at once when it becomes visible again.
export function useEvery(periodMs: number, run: () => void): void {
  const target = useRef(run);
  target.current = run;
  useEffect(() => {
    const tick = () => document.visibilityState === "visible" && target.current();
    const timer = setInterval(tick, periodMs);
    document.addEventListener("visibilitychange", tick);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", tick);
    };
  }, [periodMs]);
}
