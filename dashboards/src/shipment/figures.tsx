import type { JudgedBand, Compliance } from "#rest";
import { bandPart, bandText, figureValue } from "../format/judged";
import { inUnit } from "../format/quantity";
import { sentence } from "../format/words";
import { unit } from "../settings";
import { useStore } from "../store";
import type { IconName } from "../ui/icon";
import { Mark, OkMark, type Tone } from "../ui/marks";

const levels: Record<string, [IconName, Tone, string]> = {
  ok: ["ok", "good", "Enough left"],
  watch: ["warn", "warn", "Watch"],
  critical: ["warn", "bad", "Critical"],
  exhausted: ["bad", "bad", "Exhausted"],
};

// Figures are the numbers beside the verdict: what is left of the stability budget, means, and whether the trackers were fit.
export function Figures({ compliance }: { compliance: Compliance | undefined }) {
  const u = useStore(unit);
  const bands = compliance?.budget ?? [];
  const figures = compliance?.figures ?? [];
  const recorders = compliance?.recorders ?? [];
  if (bands.length + figures.length + recorders.length === 0) return null;
  return (
    <section class="card" aria-labelledby="figures-title">
      <div class="card-head">
        <h2 id="figures-title">Budget, figures and recorders</h2>
      </div>
      <div class="figures">
        {bands.length > 0 && (
          <div>
            <h3>Stability budget</h3>
            <ul class="bands">
              {bands.map((b) => (
                <BandRow key={`${b.rule} ${b.band}`} band={b} />
              ))}
            </ul>
          </div>
        )}
        {figures.length > 0 && (
          <div>
            <h3>Figures</h3>
            <dl class="facts whole">
              {figures.map((f) => (
                <div key={`${f.rule} ${f.tracker} ${f.name}`}>
                  <dt>
                    {sentence(f.name)}
                    <span class="sub">{[f.tracker, f.rule].filter(Boolean).join(" · ")}</span>
                  </dt>
                  <dd>{figureValue(f, u)}</dd>
                </div>
              ))}
            </dl>
          </div>
        )}
        {recorders.length > 0 && (
          <div>
            <h3>Were the trackers adequate?</h3>
            <ul class="recorders">
              {recorders.map((r) => (
                <li key={r.tracker}>
                  <p>
                    {r.tracker} <OkMark ok={r.adequate} yes="Adequate" no="Not adequate" />
                  </p>
                  {r.reasons.map((reason) => (
                    <p class="muted small" key={reason}>
                      {inUnit(reason, u)}
                    </p>
                  ))}
                </li>
              ))}
            </ul>
          </div>
        )}
      </div>
    </section>
  );
}

function BandRow({ band }: { band: JudgedBand }) {
  const [icon, tone, word] = levels[band.level] ?? ["unknown", "unsure", sentence(band.level)];
  const part = bandPart(band);
  return (
    <li class="budget">
      <p>
        <strong>{sentence(band.band)}</strong>
        <Mark icon={icon as IconName} tone={tone as Tone} word={word} />
      </p>
      {part !== null && (
        <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
          <rect class={`band-used ${tone}`} x="0" y="0" width={part > 0 ? Math.max(part * 100, 0.8) : 0} height="6" />
        </svg>
      )}
      <p class="muted">{bandText(band)}</p>
    </li>
  );
}
