// The colours that canvases need, read from the page's style sheet, so that there is one palette.

export interface Palette {
  readonly surface: string;
  readonly text: string;
  readonly muted: string;
  readonly line: string;
  readonly grid: string;
  readonly hatch: string;
  readonly accent: string;
  readonly up: string;
  readonly down: string;
  readonly upFaint: string;
  readonly downFaint: string;
}

export function readPalette(root: HTMLElement): Palette {
  const style = getComputedStyle(root);
  const value = (name: string) => style.getPropertyValue(name).trim();
  return {
    surface: value("--surface"),
    text: value("--text"),
    muted: value("--muted"),
    line: value("--line"),
    grid: value("--grid"),
    hatch: value("--hatch"),
    accent: value("--accent"),
    up: value("--up"),
    down: value("--down"),
    upFaint: value("--up-faint"),
    downFaint: value("--down-faint"),
  };
}
