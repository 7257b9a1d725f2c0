/** Small parts that panels share. */

import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icons";
import { type Place, set, useStore } from "./store";

interface IconButtonProps {
  icon: IconName;
  label: string;
  hint?: string;
  onClick: () => void;
  disabled?: boolean;
  pressed?: boolean;
}

/** A button of an icon alone; its name is read out and shown when the pointer rests on it. */
export function IconButton({ icon, label, hint, onClick, disabled, pressed }: IconButtonProps) {
  return (
    <button type="button" class="icon" aria-label={label} title={hint ? `${label} (${hint})` : label} aria-pressed={pressed}
            disabled={disabled} onClick={onClick}>
      <Icon name={icon} />
    </button>
  );
}

/** The sentence of what went wrong, where it did. */
export function Fault({ at }: { at: Place }) {
  const { fault } = useStore();
  if (fault?.place !== at) return null;
  return (
    <p class="fault" role="alert">
      <span>{fault.sentence}</span>
      <button type="button" class="plain" aria-label="Dismiss" onClick={() => set({ fault: null })}>
        <Icon name="close" />
      </button>
    </p>
  );
}

export function Section({ title, id, children }: { title: string; id: string; children: ComponentChildren }) {
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {children}
    </section>
  );
}

const STAGES: Record<string, string> = {
  reading: "reading the scene", loading: "loading the model", masks: "choosing outlines", objects: "placing objects",
  painting: "painting", writing: "finishing",
};

/** What is under way, how far it is, and a way to stop it. */
export function Busy() {
  const { busy } = useStore();
  if (!busy) return null;
  const { progress } = busy;
  const share = progress && progress.all > 0 ? progress.done / progress.all : undefined;
  return (
    <div class="busy" role="status">
      <span>{busy.what}{progress?.stage ? `: ${STAGES[progress.stage] ?? progress.stage}` : ""} …</span>
      <progress value={share} max={1} aria-label={busy.what} />
      <button type="button" onClick={busy.cancel}>Cancel</button>
    </div>
  );
}
