import "./phase.css";

const SIGNS: Record<string, string> = {
  connecting: "◌",
  listening: "◉",
  thinking: "…",
  speaking: "◖◗",
  tool: "⚙",
  "handing off": "➜",
  handing_off: "➜",
  with_staff: "■",
  live: "◉",
  ended: "■",
};

/** The phase by shape and word; one hue, because phases change fast. */
export function PhaseMark({ phase }: { phase: string }) {
  return (
    <span className="phase" role="status">
      <span aria-hidden="true" className="phase-sign">
        {SIGNS[phase] ?? "●"}
      </span>{" "}
      {phase.replaceAll("_", " ")}
    </span>
  );
}
