import { latencyWords } from "../../words/amounts";
import { plain } from "../../words/ends";

/** Marks of the stages; the pattern is beside the colour. */
export const STAGES = ["endpointing", "waiting", "transcription", "model", "tools", "speech", "delivery"] as const;

export function stageWords(stages: { stage: string; ms: number }[]): string {
  return stages.map(({ stage, ms }) => `${plain(stage).toLowerCase()} ${latencyWords(ms)}`).join(", ");
}

/** The stages of one wait as one bar. `full_ms` is the length of the whole width. */
export function StageBar({ stages, full_ms }: { stages: { stage: string; ms: number }[]; full_ms?: number }) {
  const whole = full_ms ?? stages.reduce((sum, { ms }) => sum + ms, 0);
  let at = 0;
  return (
    <svg className={full_ms === undefined ? "stage-spark" : "stage-bar"} viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label={stageWords(stages)}>
      {stages.map(({ stage, ms }) => {
        const x = (at / Math.max(1, whole)) * 100;
        const width = (ms / Math.max(1, whole)) * 100;
        at += ms;
        return (
          <rect key={stage} className={`stage stage-${stage}`} x={x} width={width} y="0" height="10">
            <title>
              {plain(stage)} {latencyWords(ms)}
            </title>
          </rect>
        );
      })}
    </svg>
  );
}
