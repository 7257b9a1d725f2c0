/** The icons: strokes on a 24-pixel grid, in the colour of the text. */

const PATHS = {
  hand: "M8 13V6.5a1.5 1.5 0 0 1 3 0V11m0-5.5v-1a1.5 1.5 0 0 1 3 0V11m0-4.500a1.500 1.500 0 0 1 3 0V14a6 6 0 0 1-6 6c-3 0-4-1.500-5.500-4l-1.800-3a1.400 1.400 0 0 1 2.300-1.600L8 13",
  box: "M5 5h14v14H5z",
  point: "M12 3v5m0 8v5M3 12h5m8 0h5M12 12h.01",
  scribble: "M4 17c3-9 6-13 8-11s-4 9-1 10 4-7 6-6 0 5 3 5",
  add: "M14 4l6 6-9 9H5v-6zM17 19h5m-2.500-2.500v5",
  erase: "M9 20h11M5.500 14.500 14 6l5 5-8.500 8.500h-3z",
  move: "M12 3v18M3 12h18M9 6l3-3 3 3M9 18l3 3 3-3M6 9l-3 3 3 3M18 9l3 3-3 3",
  undo: "M9 7 4 12l5 5M4 12h10a5 5 0 0 1 0 10",
  redo: "M15 7l5 5-5 5M20 12H10a5 5 0 0 0 0 10",
  fit: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  open: "M3 7h6l2 2h10v10H3z",
  help: "M9 9a3 3 0 1 1 4 3c-1 .500-1 1-1 2m0 3h.01",
  eye: "M2 12c4-7 16-7 20 0-4 7-16 7-20 0zM12 12m-3 0a3 3 0 1 0 6 0 3 3 0 1 0-6 0",
  shut: "M3 3l18 18M6 7c-2 1-3 3-4 5 2 4 6 6 10 5M10 7c5-1 9 1 12 5-1 2-2 3-3 4",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13",
  up: "M6 15l6-6 6 6",
  down: "M6 9l6 6 6-6",
  close: "M6 6l12 12M18 6 6 18",
  lock: "M6 11h12v9H6zM8 11V8a4 4 0 0 1 8 0v3",
  unlock: "M6 11h12v9H6zM8 11V8a4 4 0 0 1 7.500-2",
  compare: "M12 3v18M4 6h8v12H4zM16 6h4v12h-4",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg viewBox="0 0 24 24" width="20" height="20" fill="none" stroke="currentColor" stroke-width="1.7"
         stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
