/** What to do about each failure of a talk: one sentence per cause. */
import { VoiceError } from "@switchboard/client";
import { ProblemError } from "../api/request";

export interface FailureWords {
  title: string;
  help: string;
}

function browserSteps(): string {
  const agent = navigator.userAgent;
  if (agent.includes("Firefox/")) {
    return "In Firefox: click the crossed-out microphone left of the address, take the block away, and try again.";
  }
  if (agent.includes("Safari/") && !agent.includes("Chrome/")) {
    return "In Safari: open Settings for This Website in the Safari menu, allow the microphone, and try again.";
  }
  return "In this browser: click the icon left of the address, set Microphone to Allow, and try again.";
}

/** The words for `error`; nothing was said or booked unless the words say so. */
export function failureWords(error: Error): FailureWords {
  if (error instanceof ProblemError) {
    const { status, detail } = error.problem;
    return status === 429
      ? { title: "You have as many talks open as you may", help: detail ?? "End one of them first. Talks in other tabs count." }
      : { title: "The talk was not granted", help: detail ?? "Nothing was started." };
  }
  const code = error instanceof VoiceError ? error.code : "server_failed";
  switch (code) {
    case "microphone_refused":
      return { title: "The microphone was refused", help: `The agent cannot hear you without it. ${browserSteps()}` };
    case "microphone_missing":
      return { title: "No microphone was found", help: "Plug one in or choose another above, then try again." };
    case "microphone_in_use":
      return { title: "The microphone is in use elsewhere", help: "Close the other program or choose another microphone, then try again." };
    case "insecure_page":
      return { title: "This page may not use a microphone", help: "Browsers give it to pages on https or localhost only. Open this page under its https address." };
    case "sound_blocked":
      return { title: "The browser blocks sound", help: "Click once to hear the agent." };
    case "no_media_path":
      return { title: "No way was found for the sound", help: "UDP and TCP were tried. Choose WebSocket above, which goes wherever web pages go." };
    case "not_allowed":
      return { title: "The talk was not allowed", help: "The token has expired or is for another agent. Start again." };
    case "unknown_agent":
      return { title: "There is no such agent", help: "It may have been renamed. Choose another one." };
    case "too_many_calls":
      return { title: "All permitted calls are in use", help: "End one of them under Live, or wait until one ends." };
    case "budget":
      return { title: "The budget of the talk is spent", help: "What was agreed in it holds. A new talk has a new budget." };
    case "budget_today":
      return { title: "The budget of today is spent", help: "No further talk begins before midnight of the business. A manager may change the budget under Costs." };
    case "call_lost":
      return { title: "The connection was lost and the talk is over", help: "What was said until then is kept, and what was booked is booked." };
    case "unreachable":
      return { title: "The server cannot be reached", help: "It was tried five times. Check the network, then try again." };
    default:
      return { title: "The server failed", help: "The fault is ours. What was booked is booked. Try again." };
  }
}
