import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Icon } from "./icon";

// FileField takes one file, chosen or dropped. The input is there for the keyboard and for assistive technology; its label
// looks like a button.
export function FileField(props: {
  id: string;
  label: string; // what the button says
  accept: string;
  hint: string;
  problem?: string;
  onFile: (file: File) => void;
  children?: ComponentChildren; // what was chosen
}) {
  const [over, setOver] = useState(false);
  const take = (files: FileList | null | undefined) => {
    const file = files?.[0];
    if (file) props.onFile(file);
  };
  return (
    <div
      class={over ? "filefield over" : "filefield"}
      onDragOver={(e) => {
        e.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(e) => {
        e.preventDefault();
        setOver(false);
        take(e.dataTransfer?.files);
      }}
    >
      {props.children}
      <p class="filefield-line">
        <input
          class="hidden"
          type="file"
          id={props.id}
          accept={props.accept}
          aria-describedby={`${props.id}-hint`}
          aria-invalid={props.problem ? true : undefined}
          onChange={(e) => {
            take(e.currentTarget.files);
            e.currentTarget.value = ""; // the same file, changed, may be chosen again
          }}
        />
        <label class="button small" for={props.id}>
          <Icon name="file" size={14} /> {props.label}
        </label>
        <span class="muted" id={`${props.id}-hint`}>
          {props.hint}
        </span>
      </p>
      {props.problem && (
        <p class="filefield-problem" role="alert">
          <Icon name="bad" /> {props.problem}
        </p>
      )}
    </div>
  );
}
