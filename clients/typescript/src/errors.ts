/** What can go wrong, one code per cause, so that a page can say the sentence that helps. */
export type VoiceErrorCode =
  /** The person, the browser or the system said no. */
  | "microphone_refused"
  /** There is none, or the chosen one is gone. */
  | "microphone_missing"
  /** Another program holds it. */
  | "microphone_in_use"
  /** Microphones are for pages on https or localhost only. */
  | "insecure_page"
  /** Sound waits for a click: call `unlockSound` from one. */
  | "sound_blocked"
  /** Neither UDP nor TCP reached the server's media port. */
  | "no_media_path"
  /** Token or key wrong, expired or not for this agent. */
  | "not_allowed"
  /** No such agent. */
  | "unknown_agent"
  /** The business or the person holds all the calls they may; end one first. */
  | "too_many_calls"
  /** The call's money is spent. */
  | "budget"
  /** The money of this user's or this business's day is spent: no call begins. */
  | "budget_today"
  /** The call is over and cannot be returned to. */
  | "call_lost"
  /** The server was not reached. */
  | "unreachable"
  /** The server failed. */
  | "server_failed";

const SENTENCES: Record<VoiceErrorCode, string> = {
  microphone_refused: "The microphone was refused.",
  microphone_missing: "No microphone was found.",
  microphone_in_use: "Another program uses the microphone.",
  insecure_page: "Browsers give the microphone to pages on https or localhost only.",
  sound_blocked: "The browser plays sound only after a click.",
  no_media_path: "No way was found for the sound, neither over UDP nor over TCP.",
  not_allowed: "The token is wrong or has expired.",
  unknown_agent: "There is no agent of this name.",
  too_many_calls: "All permitted calls are in use.",
  budget: "The budget of the call is spent.",
  budget_today: "The budget of today is spent.",
  call_lost: "The connection was lost and the call is over.",
  unreachable: "The server cannot be reached.",
  server_failed: "The server failed.",
};

export class VoiceError extends Error {
  readonly code: VoiceErrorCode;
  /** Waiting may help: trying again is reasonable. */
  readonly isPassing: boolean;

  constructor(code: VoiceErrorCode, detail?: string) {
    super(detail ? `${SENTENCES[code]} ${detail}` : SENTENCES[code]);
    this.name = "VoiceError";
    this.code = code;
    this.isPassing = code === "unreachable" || code === "server_failed" || code === "no_media_path";
  }
}

/** Browsers name the same cause differently; these are the names of the standard and of older versions. */
export function microphoneError(cause: unknown): VoiceError {
  const name = cause instanceof Error ? cause.name : "";
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
    case "PermissionDeniedError":
      return new VoiceError("microphone_refused");
    case "NotFoundError":
    case "DevicesNotFoundError":
    case "OverconstrainedError":
      return new VoiceError("microphone_missing");
    case "NotReadableError":
    case "TrackStartError":
    case "AbortError":
      return new VoiceError("microphone_in_use");
    default:
      return new VoiceError("microphone_missing", name);
  }
}

/** What the end of a connection means. */
export interface Ending {
  /** The call is over, as it should be: nothing to mend. */
  isFinal: boolean;
  reason: string;
  error: VoiceError | null;
}

/** Close codes after which the same call, or the server, may be there again. */
const PASSING = new Set([1001, 1005, 1006, 1011, 1012, 1013, 1014, 1015, 4408]);

/** The server knows no call of the resume token: it was restarted, or the call ended meanwhile. */
const NO_WAY_BACK = "invalid_resume_token";

/** Reads a close code and its reason `call_ended.<reason>` or `<type>.<code>`. */
export function endingOf(code: number, reason: string): Ending {
  const word = reason.split(".").at(-1) ?? "";
  if (code === 1000) {
    const error = word === "budget" ? new VoiceError("budget") : null;
    return { isFinal: true, reason: word || "closed", error };
  }
  if (word === NO_WAY_BACK) {
    return { isFinal: true, reason: word, error: new VoiceError("call_lost") };
  }
  const refused = refusalOf(code, word);
  if (refused !== null) {
    return { isFinal: true, reason: word, error: refused };
  }
  return { isFinal: !PASSING.has(code), reason: word || "lost", error: new VoiceError(code === 1011 ? "server_failed" : "unreachable") };
}

function refusalOf(code: number, word: string): VoiceError | null {
  switch (code) {
    case 3000:
    case 4401:
    case 4403:
      return new VoiceError("not_allowed");
    case 4000:
      return new VoiceError(word === "invalid_model" || word === "missing_model" ? "unknown_agent" : "server_failed", word);
    case 4404:
    case 4410:
      return new VoiceError("call_lost");
    case 4402:
      return new VoiceError("budget_today");
    case 4429:
      return new VoiceError("too_many_calls");
    default:
      return null;
  }
}

/** The same for an HTTP answer, by its status. */
export function refusalOfStatus(status: number, detail?: string): VoiceError {
  switch (status) {
    case 401:
    case 403:
      return new VoiceError("not_allowed", detail);
    case 404:
    case 410:
      return new VoiceError("call_lost", detail);
    case 402:
      return new VoiceError("budget_today", detail);
    case 429:
      return new VoiceError("too_many_calls", detail);
    default:
      return new VoiceError("server_failed", detail);
  }
}
