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
  { group: "Today", path: "", label: "Home", letter: "h", role: "viewer", icon: "M4 11l8-7 8 7M6 9.5V20h12V9.5M10 20v-6h4v6" },
  { group: "Today", path: "live", label: "Live", letter: "l", role: "staff", icon: "M12 12m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M7.8 16.2a6 6 0 0 1 0-8.4M16.2 7.8a6 6 0 0 1 0 8.4M5 19A10 10 0 0 1 5 5M19 5a10 10 0 0 1 0 14" },
  { group: "Records", path: "calls", label: "Calls", letter: "c", role: "viewer", icon: "M5 4h4l2 5-2.5 1.5a11 11 0 0 0 5 5L15 13l5 2v4a2 2 0 0 1-2 2A16 16 0 0 1 3 6a2 2 0 0 1 2-2" },
  { group: "Build", path: "talk", label: "Talk", letter: "t", role: "staff", icon: "M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3M6 11a6 6 0 0 0 12 0M12 17v4M9 21h6" },
  { group: "Run", path: "costs", label: "Costs", letter: "o", role: "viewer", icon: "M12 3v18M16.5 7.5C15.5 6 14 5.5 12 5.5c-2.5 0-4.5 1-4.5 3.2 0 4.6 9 2 9 6.6 0 2.2-2 3.2-4.5 3.2-2 0-3.7-.6-4.7-2.2" },
  { group: "Run", path: "voice-health", label: "Voice health", letter: "v", role: "manager", icon: "M3 12h4l3 8 4-16 3 8h4" },
];
