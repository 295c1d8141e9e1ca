import type { CallDetail } from "../../api/types";

/** Why there is nothing to hear: never an empty player. */
export function noAudioWords(call: CallDetail): string {
  const recording = call.recording;
  if (recording?.status === "recording") {
    return "The recording is still being written.";
  }
  if (recording?.status === "broken") {
    return "The recording broke; what there was of it is not playable.";
  }
  if (recording?.erased_at) {
    const day = new Date(recording.erased_at).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
    return `The recording was erased on ${day}.`;
  }
  const answer = (call.consent ?? []).find((consent) => consent.purpose === "recording")?.answer;
  if (answer !== undefined && /refus|no|denied|withdraw/.test(answer)) {
    return "The caller refused the recording.";
  }
  return "This call was not recorded.";
}
