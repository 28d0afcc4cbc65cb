export function Logo() {
  return (
    <span class="logo">
      <svg width="26" height="26" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
        <rect class="logo-ground" width="32" height="32" rx="8" />
        <path class="logo-line" d="M16 5.5 25 9v7.2c0 5-3.7 8.6-9 10.3-5.3-1.7-9-5.3-9-10.3V9z" />
        <path class="logo-line" d="M10 17h3l1.8-4 2.6 7 1.8-3h2.8" />
      </svg>
      Trackseal
    </span>
  );
}
