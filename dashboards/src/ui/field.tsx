import type { ComponentChildren } from "preact";

// Field is a label with its control and what is wrong with its value.
export function Field(props: { id: string; label: string; problem?: string | undefined; children: (control: Control) => ComponentChildren }) {
  const wrong = `${props.id}-problem`;
  return (
    <div class="field">
      <label for={props.id}>{props.label}</label>
      {props.children({ id: props.id, ...(props.problem ? { "aria-invalid": true, "aria-describedby": wrong } : {}) })}
      {props.problem && (
        <p class="field-problem" id={wrong}>
          {props.problem}
        </p>
      )}
    </div>
  );
}

type Control = { id: string; "aria-invalid"?: boolean; "aria-describedby"?: string };
