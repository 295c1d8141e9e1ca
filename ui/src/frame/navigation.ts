/** The pages that are there, in groups. */
export interface NavPage {
  path: string;
  label: string;
  icon: string;
  /** Second key after `g`. */
  letter?: string;
  role: "viewer" | "staff" | "manager";
  group: "Today" | "Records" | "Build" | "Run";
}

/** Icons are paths of 24 × 24, drawn as lines. */
export const PAGES: NavPage[] = [
  { group: "Records", path: "calls", label: "Calls", letter: "c", role: "viewer", icon: "M5 4h4l2 5-2.5 1.5a11 11 0 0 0 5 5L15 13l5 2v4a2 2 0 0 1-2 2A16 16 0 0 1 3 6a2 2 0 0 1 2-2" },
];
