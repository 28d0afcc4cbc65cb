// Line icons on a 16 px grid; always beside a word, so they are hidden from assistive technology.
const paths = {
  ok: "M13.5 8a5.5 5.5 0 1 1-11 0 5.5 5.5 0 0 1 11 0ZM5.6 8.2l1.7 1.7 3.2-3.6",
  bad: "M5.6 2.5h4.8l3.1 3.1v4.8l-3.1 3.1H5.6l-3.1-3.1V5.6ZM6.2 6.2l3.6 3.6M9.8 6.2 6.2 9.8",
  warn: "M8 2.6 14 13H2ZM8 6.6v3M8 11.2v.1",
  unknown: "M6.2 6.3A1.9 1.9 0 1 1 8.7 8c-.5.2-.7.6-.7 1.1M8 11.1v.1M13.5 8a5.5 5.5 0 1 1-11 0 5.5 5.5 0 0 1 11 0Z",
  none: "M13.5 8a5.5 5.5 0 1 1-11 0 5.5 5.5 0 0 1 11 0ZM5.8 8h4.4",
  clock: "M13.5 8a5.5 5.5 0 1 1-11 0 5.5 5.5 0 0 1 11 0ZM8 5v3.2l2 1.3",
  created: "M3 4.5h10v8H3ZM3 7h10",
  in_transit: "M1.8 4.3h7.4v6.4H1.8ZM9.2 6.5h2.6l2.4 2.2v2H9.2M4.5 12.4a1.2 1.2 0 1 0 0-.1M11.5 12.4a1.2 1.2 0 1 0 0-.1",
  delivered: "M3 5.5 8 3l5 2.5v5.5L8 13.5 3 11ZM5.8 8.2l1.6 1.6 2.9-3.2",
  closed: "M4 7.3h8v6H4ZM5.7 7.3V5.4a2.3 2.3 0 0 1 4.6 0v1.9",
  arrow: "M2.5 8h10.5M9.3 4.3 13 8l-3.7 3.7",
  back: "M13.5 8H3M6.7 4.3 3 8l3.7 3.7",
  copy: "M5.5 5.5h8v8h-8ZM3.5 10.5h-1v-8h8v1",
  settings: "M2.5 5h6M11.5 5h2M2.5 11h2M7.5 11h6M8.5 5a1.5 1.5 0 1 0 3 0 1.5 1.5 0 1 0-3 0M4.5 11a1.5 1.5 0 1 0 3 0 1.5 1.5 0 1 0-3 0",
  chart: "M2.5 2.5v11h11M4.8 10.5l2.7-3.5 2.2 2 3.3-4.5",
  table: "M2.5 3.5h11v9h-11ZM2.5 6.5h11M2.5 9.5h11M6.5 6.5v6",
  refresh: "M13 6.5A5.3 5.3 0 0 0 3.4 5.3M3 2.8v2.7h2.7M3 9.5a5.3 5.3 0 0 0 9.6 1.2M13 13.2v-2.7h-2.7",
  anchor: "M8 5.8a1.6 1.6 0 1 0 0-3.2 1.6 1.6 0 0 0 0 3.2ZM8 5.8v7.6M5.5 8h5M2.8 9.5c.4 2.5 2.6 3.9 5.2 3.9s4.8-1.4 5.2-3.9",
  seal: "M8 2 13 4v3.7c0 3-2.1 5-5 6.1-2.9-1.1-5-3.1-5-6.1V4ZM4.8 8.3h1.6l1-2.2 1.4 3.8 1-1.6h1.6",
  file: "M4 2.5h5l3 3v8H4ZM8.8 2.7v3h3",
  download: "M8 2.5v7.5M4.8 7 8 10.2 11.2 7M3 13.2h10",
  cross: "M4 4l8 8M12 4l-8 8",
  live: "M8 9.2a1.2 1.2 0 1 0 0-2.4 1.2 1.2 0 0 0 0 2.4ZM4.9 11.1a4.4 4.4 0 0 1 0-6.2M11.1 4.9a4.4 4.4 0 0 1 0 6.2M2.9 13a7.1 7.1 0 0 1 0-10M13.1 3a7.1 7.1 0 0 1 0 10",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}
