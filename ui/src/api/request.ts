/** One way to ask the server: JSON in and out, problems as errors with a stable code. */
import type { Problem } from "./types";

/** Longer than any answer should take; a hanging request is told as an error, with a button to try again. */
const ANSWER_MS_MAX = 20_000;

export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail ?? problem.title ?? problem.code);
    this.problem = problem;
  }
}

/** The server was not reached at all. */
export class UnreachableError extends Error {}

export function isProblem(error: unknown, code: string): boolean {
  return error instanceof ProblemError && error.problem.code === code;
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export async function request<Answer>(method: Method, path: string, body?: unknown): Promise<Answer> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (method !== "GET") {
    // No form of another site can send it: with the cookie's SameSite it keeps foreign pages out.
    headers["x-switchboard-request"] = "1";
  }
  if (body !== undefined) {
    headers["content-type"] = "application/json";
  }
  let answer: Response;
  try {
    answer = await fetch(path, {
      method,
      headers,
      credentials: "same-origin",
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new UnreachableError("The server did not answer.");
  }
  if (!answer.ok) {
    throw new ProblemError(await problemOf(answer));
  }
  const text = await answer.text();
  return (text === "" ? undefined : JSON.parse(text)) as Answer;
}

async function problemOf(answer: Response): Promise<Problem> {
  const told = await answer.json().catch(() => ({}));
  const problem: Problem = { code: `http_${answer.status}`, ...told, status: answer.status };
  const wait = Number(answer.headers.get("retry-after"));
  if (problem.retry_after_s === undefined && Number.isFinite(wait) && wait > 0) {
    problem.retry_after_s = wait;
  }
  return problem;
}

export const get = <Answer>(path: string) => request<Answer>("GET", path);
export const post = <Answer>(path: string, body: unknown = {}) => request<Answer>("POST", path, body);

/** `path` with the fields that have a value. */
export function withQuery(path: string, fields: Record<string, string | number | null | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    if (value !== null && value !== undefined && value !== "") {
      query.set(name, String(value));
    }
  }
  const text = query.toString();
  return text === "" ? path : `${path}?${text}`;
}
