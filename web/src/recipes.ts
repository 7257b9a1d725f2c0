/** The command line and the Python that do the same again, from the files that a person can save here. */

import { type Doc, type Guide, selectedLayer } from "./model";

const quoted = (text: string) => (/^[\w./,;:=@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
const rounded = (value: number) => String(Math.round(value * 10) / 10);

function option(guide: Guide): string {
  if (guide.kind === "box") return `--box ${[guide.x0, guide.y0, guide.x1, guide.y1].map(rounded).join(",")}`;
  if (guide.kind === "point") return `--point ${rounded(guide.x)},${rounded(guide.y)}`;
  const strokes = guide.points.map((stroke) => stroke.map(([x, y]) => `${rounded(x)},${rounded(y)}`).join(";"));
  return `--scribble '${strokes.join("|")}'`;
}

function call(guide: Guide): string {
  if (guide.kind === "box") return `Box(${[guide.x0, guide.y0, guide.x1, guide.y1].map(rounded).join(", ")})`;
  if (guide.kind === "point") return `Point(${rounded(guide.x)}, ${rounded(guide.y)})`;
  const strokes = guide.points.map((stroke) => `[${stroke.map(([x, y]) => `(${rounded(x)}, ${rounded(y)})`).join(", ")}]`);
  return `Scribble([${strokes.join(", ")}])`;
}

/** For the last question; scene_asked.json is the scene as it was asked about, without the layer taken from it. */
export function recipes(doc: Doc): { command: string; python: string } {
  const { asked } = doc;
  const guides = asked?.guides ?? doc.guides;
  const object = asked?.object ?? selectedLayer(doc)?.name ?? "dog";
  const request = asked?.request ?? {};
  const seed = Number(request.seed ?? 0);
  const extra: [string, unknown][] = (["context", "facing", "order", "diverse"] as const).flatMap((name) =>
    request[name] === undefined || request[name] === false ? [] : [[name, request[name]] as [string, unknown]]);
  const flags = extra.map(([name, value]) => (value === true ? ` --${name}` : ` --${name} ${quoted(String(value))}`)).join("") +
    (request.like ? " --like like.png" : "");
  const command =
    `smartmask masks ${quoted(doc.name)} --object ${quoted(object)} --scene scene_asked.json` +
    `${guides.map((guide) => ` ${option(guide)}`).join("")}${flags} -n 8 --seed ${seed} --out out`;
  const names = [...new Set(guides.map((guide) => guide.kind[0].toUpperCase() + guide.kind.slice(1)))];
  const extras = extra.map(([name, value]) => {
    const key = name === "context" ? "context_prompt" : name;
    return `, ${key}=${value === true ? "True" : JSON.stringify(value)}`;
  });
  const python = [
    ...(request.like ? ["import numpy as np", "from PIL import Image"] : []),
    `from smartmask import ${[...names, "SmartMaskPipeline"].sort().join(", ")}`,
    "from smartmask.scene.scene_file import load_scene",
    "",
    'scene, _ = load_scene("scene_asked.json")',
    "pipe = SmartMaskPipeline.from_pretrained()",
    `out = pipe(scene, ${JSON.stringify(object)}, num_masks=8, generator=${seed}` +
      `${guides.length ? `, guidance=[${guides.map(call).join(", ")}]` : ""}${extras.join("")}` +
      `${request.like ? ', like=np.array(Image.open("like.png")) > 127' : ""})`,
    "out.masks  # (8, height, width) bool, best first",
  ].join("\n");
  return { command, python };
}
