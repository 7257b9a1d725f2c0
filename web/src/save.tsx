/** What a person takes away. */

import { useEffect, useState } from "preact/hooks";
import { formats, recipe, saveAs, saveAsked, saveMasks, savePicture, saveScene } from "./finish";
import { Fault, Section } from "./parts";

const NAMES: Record<string, string> = { ora: "OpenRaster", psd: "PSD", svg: "SVG", coco: "COCO" };

export function SavePanel() {
  const [known, setKnown] = useState<string[]>([]);
  const [copied, setCopied] = useState(false);
  const again = recipe();
  useEffect(() => void formats().then(setKnown, () => setKnown([])), []);
  const copy = (text: string) => navigator.clipboard?.writeText(text).then(() => {
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  }, () => undefined);
  return (
    <Section title="Save" id="save-title">
      <div class="row wrap">
        <button type="button" class="primary" onClick={() => void savePicture()}>Picture</button>
        <button type="button" onClick={() => void saveMasks()}>Masks</button>
        <button type="button" onClick={saveScene}>Scene</button>
        {known.filter((name) => NAMES[name]).map((name) => (
          <button type="button" onClick={() => void saveAs(name)}>{NAMES[name]}</button>
        ))}
      </div>
      {again && (
        <details>
          <summary>The same again, without this page</summary>
          <p class="hint">On the command line:</p>
          <pre tabIndex={0}>{again.command}</pre>
          <p class="hint">In Python:</p>
          <pre tabIndex={0}>{again.python}</pre>
          <div class="row wrap">
            <button type="button" class="chip" onClick={() => copy(again.command)}>{copied ? "Copied" : "Copy the command"}</button>
            <button type="button" class="chip" onClick={() => copy(again.python)}>Copy the Python</button>
            <button type="button" class="chip" onClick={() => void saveAsked()}>Save the scene they read</button>
          </div>
        </details>
      )}
      <Fault at="save" />
    </Section>
  );
}
