/** What is asked: the object, where it is, and how the next suggestions are to differ. */

import { useEffect, useRef, useState } from "preact/hooks";
import { type Wish, askMasks, nextObject, setGuides } from "./actions";
import * as api from "./api";
import type { Doc } from "./model";
import { Fault, IconButton, Section } from "./parts";
import { get, set, useStore } from "./store";

interface Names {
  names: string[];
  note: string | null;
}

/** Completion of what is typed, and the service's note about it. */
function useNames(typed: string): Names {
  const [found, setFound] = useState<Names>({ names: [], note: null });
  useEffect(() => {
    let isWanted = true;
    if (!typed.trim()) setFound({ names: [], note: null });
    else {
      const later = setTimeout(() => {
        api.get<Names>(`/v1/names?limit=8&q=${encodeURIComponent(typed)}`).then(
          (names) => isWanted && setFound(names),
          () => isWanted && setFound({ names: [], note: null }),
        );
      }, 120);
      return () => {
        isWanted = false;
        clearTimeout(later);
      };
    }
    return () => void (isWanted = false);
  }, [typed]);
  return found;
}

export function AskPanel({ doc }: { doc: Doc }) {
  const { typed, busy } = useStore();
  const { names, note } = useNames(typed.object);
  const type = (patch: Partial<typeof typed>) => set({ typed: { ...get().typed, ...patch } });
  return (
    <Section title="Ask" id="ask-title">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void askMasks();
        }}
      >
        <label for="object">What is to be there?</label>
        <ObjectInput value={typed.object} names={names} onInput={(object) => type({ object })} />
        {note && <p class="note" role="status">{note}</p>}
        <Guides doc={doc} />
        <details>
          <summary>More</summary>
          <label for="context">The whole picture, in a sentence</label>
          <input id="context" value={typed.context} placeholder="a quiet street in the morning"
                 onInput={(event) => type({ context: event.currentTarget.value })} />
          <label for="seed">Seed</label>
          <div class="row">
            <input id="seed" type="number" min="0" step="1" value={typed.seed}
                   onInput={(event) => type({ seed: Math.max(0, Math.floor(Number(event.currentTarget.value) || 0)) })} />
            <IconButton icon={typed.locked ? "lock" : "unlock"} label="Keep the seed" pressed={typed.locked}
                        onClick={() => type({ locked: !typed.locked })} />
          </div>
        </details>
        <button type="submit" class="primary" disabled={busy?.what === "Looking for places"}>Suggest</button>
      </form>
      <Fault at="ask" />
      {doc.asked && <Variations doc={doc} />}
    </Section>
  );
}

interface ObjectInputProps {
  value: string;
  names: string[];
  onInput: (value: string) => void;
}

/** A text with a list of completions that arrow keys and pointers choose from. */
function ObjectInput({ value, names, onInput }: ObjectInputProps) {
  const [at, setAt] = useState(-1);
  const [open, setOpen] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const listed = names.filter((name) => name !== value.trim().toLowerCase());
  const isOpen = open && listed.length > 0;
  const choose = (name: string) => {
    onInput(name);
    setOpen(false);
    field.current?.focus();
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "Escape") setOpen(false);
    if (!isOpen) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const by = event.key === "ArrowDown" ? 1 : -1;
      setAt((at + by + listed.length + (at < 0 && by < 0 ? 1 : 0)) % listed.length);
    }
    if (event.key === "Enter" && at >= 0 && listed[at]) {
      event.preventDefault();
      choose(listed[at]);
    }
  };
  return (
    <div class="combo">
      <input
        id="object" ref={field} value={value} placeholder="dog, a sitting man, two birds …" autocomplete="off" spellcheck={false}
        role="combobox" aria-expanded={isOpen} aria-controls="names" aria-autocomplete="list"
        aria-activedescendant={isOpen && at >= 0 ? `name-${at}` : undefined}
        onInput={(event) => {
          onInput(event.currentTarget.value);
          setOpen(true);
          setAt(-1);
        }}
        onKeyDown={keys} onBlur={() => setTimeout(() => setOpen(false), 150)}
      />
      <ul id="names" role="listbox" aria-label="Known names" hidden={!isOpen}>
        {listed.map((name, index) => (
          <li id={`name-${index}`} role="option" aria-selected={index === at}
              onPointerDown={(event) => {
                event.preventDefault();
                choose(name);
              }}>
            {name}
          </li>
        ))}
      </ul>
    </div>
  );
}

const GUIDES = [["box", "Box"], ["point", "Point"], ["scribble", "Scribble"]] as const;

function Guides({ doc }: { doc: Doc }) {
  const { tool } = useStore();
  return (
    <fieldset>
      <legend>Where? Draw it, or leave it to the model</legend>
      <div class="row wrap">
        {GUIDES.map(([kind, name]) => (
          <button type="button" class="chip" aria-pressed={tool === kind} onClick={() => set({ tool: tool === kind ? "hand" : kind })}>
            {name}
          </button>
        ))}
        {doc.guides.length > 0 && (
          <button type="button" class="chip quiet" onClick={() => setGuides([])}>
            Clear
          </button>
        )}
      </div>
    </fieldset>
  );
}

function Variations({ doc }: { doc: Doc }) {
  const { hovered, typed } = useStore();
  const asked = doc.asked!;
  const chosen = asked.found[hovered ?? asked.taken ?? 0];
  const facing = asked.request.facing === "left" ? "right" : "left";
  const wishes: [string, Wish][] = [
    ["Others", { fresh: true }],
    ["More like this", { like: chosen?.mask, fresh: true }],
    ["More different", { diverse: true, fresh: true }],
    [asked.request.facing ? `Facing ${facing}` : "Facing left", { facing }],
    ...(asked.request.facing ? [] : [["Facing right", { facing: "right" }] as [string, Wish]]),
    ["In front", { order: doc.layers.filter((layer) => !layer.hidden && layer.id !== asked.layer).length }],
    ["Farther back", { order: Math.max(0, (chosen?.order ?? 1) - 1) }],
  ];
  return (
    <div class="variations">
      <div class="row wrap" role="group" aria-label="Other suggestions">
        {wishes.map(([name, wish]) => (
          <button type="button" class="chip" onClick={() => void askMasks(wish)} disabled={name === "Others" && typed.locked}>
            {name}
          </button>
        ))}
      </div>
      {asked.notes.map((note) => <p class="note">{note}</p>)}
      {asked.taken !== null && <button type="button" onClick={() => nextObject()}>Next object</button>}
    </div>
  );
}
