import type { ComponentChildren } from "preact";
import type { Problem } from "../api/problem";
import { Icon, type IconName } from "./icon";

export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <Icon name={icon} size={24} />
      <p class="empty-title">{title}</p>
      {children && <p class="muted">{children}</p>}
    </div>
  );
}

// Trouble tells what went wrong and what to do; with old data on screen it is one line above it.
export function Trouble({ problem, retry, stale = false }: { problem: Problem; retry?: () => void; stale?: boolean }) {
  return (
    <div class={stale ? "trouble stale" : "trouble"} role="alert">
      <Icon name="warn" size={stale ? 16 : 20} />
      <div>
        <p class="trouble-title">{problem.title}</p>
        {problem.detail && <p class="muted">{problem.detail}</p>}
        {stale && <p class="muted">You are looking at older data.</p>}
      </div>
      {retry && (
        <button type="button" class="button small" onClick={retry}>
          <Icon name="refresh" /> Retry
        </button>
      )}
    </div>
  );
}

export function Loading({ label, rows = 3 }: { label: string; rows?: number }) {
  return (
    <div class="loading" role="status">
      <span class="hidden">{label}</span>
      {Array.from({ length: rows }, (_, i) => (
        <span class="skeleton" key={i} />
      ))}
    </div>
  );
}
