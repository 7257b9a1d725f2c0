/** What lies over the page: opening something, and the keys. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { openCanvas, openExample, openFiles } from "./actions";
import { KEYS } from "./keys";
import { Busy, Fault, IconButton } from "./parts";
import { set, useStore } from "./store";

function Dialog({ title, children, canClose }: { title: string; children: ComponentChildren; canClose: boolean }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
    return () => dialog.current?.close();
  }, []);
  const close = () => canClose && set({ sheet: null });
  return (
    <dialog ref={dialog} aria-labelledby="dialog-title"
            onCancel={(event) => {
              event.preventDefault();
              close();
            }}
            onClick={(event) => event.target === dialog.current && close()}>
      <div class="inner">
        <header>
          <h1 id="dialog-title">{title}</h1>
          {canClose && <IconButton icon="close" label="Close" onClick={close} />}
        </header>
        {children}
      </div>
    </dialog>
  );
}

export function OpenSheet() {
  const { history, busy } = useStore();
  return (
    <Dialog title={history ? "Open" : "SmartMask studio"} canClose={history !== null}>
      {!history && <p class="hint">Type an object, get masks of where and how it could stand, and put it there.</p>}
      <label class="drop">
        <input type="file" id="photo" class="unseen" multiple accept="image/*,.json"
               onChange={(event) => void openFiles([...(event.currentTarget.files ?? [])])} />
        <strong>Choose a photo</strong>
        <span class="hint">or drop it here, or paste it. It stays on this machine.</span>
      </label>
      <Fault at="open" />
      {busy && <Busy />}
      <h2>Or try an example</h2>
      <div class="examples">
        {["room", "street"].map((name) => (
          <button type="button" class="preview" onClick={() => void openExample(name)}>
            <img src={`/examples/${name}.png`} alt="" width={512} height={384} />
            <span>{name}</span>
          </button>
        ))}
      </div>
      <h2>Or an empty canvas</h2>
      <Canvas />
    </Dialog>
  );
}

function Canvas() {
  const [[width, height], setSize] = useState([768, 512]);
  const [text, setText] = useState("");
  return (
    <form class="canvas"
          onSubmit={(event) => {
            event.preventDefault();
            void openCanvas(width, height, text.trim());
          }}>
      <label>Width <input type="number" min="16" max="4096" value={width} onInput={(event) => setSize([Number(event.currentTarget.value), height])} /></label>
      <label>Height <input type="number" min="16" max="4096" value={height} onInput={(event) => setSize([width, Number(event.currentTarget.value)])} /></label>
      <label class="wide">What is there, if you like
        <input id="sentence" value={text} placeholder="a beach with two people and a boat" onInput={(event) => setText(event.currentTarget.value)} />
      </label>
      <button type="submit">{text.trim() ? "Draw the layout" : "Empty canvas"}</button>
    </form>
  );
}

export function KeysSheet() {
  return (
    <Dialog title="Keys" canClose>
      <dl class="keys">
        {KEYS.map(({ keys, shown = keys, about }) => (
          <div>
            <dt>{shown.split(" ").map((key) => <kbd>{key}</kbd>)}</dt>
            <dd>{about}</dd>
          </div>
        ))}
      </dl>
      <p class="hint">Wheel or two fingers: zoom. Drag with the hand, or hold space: move the photo. Every step is kept in this browser.</p>
    </Dialog>
  );
}
