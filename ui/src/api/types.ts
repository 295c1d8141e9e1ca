/** What the server says and takes, after its contract. Times are RFC 3339, ids whole UUIDs, money micro-units. */

export interface Problem {
  status: number;
  code: string;
  title?: string;
  detail?: string;
  pointer?: string;
  request_id?: string;
  retry_after_s?: number;
}

export interface TenantName {
  id: string;
  name: string;
  display_name: string;
  time_zone: string;
}

export type Role = "viewer" | "staff" | "manager" | "owner" | "operator";

export interface Login {
  staff_id: string;
  name: string;
  email: string;
  role: Role;
  capabilities: string[];
  tenant: TenantName;
  tenants: TenantName[];
  demo: boolean;
  second_factor: { enrolled: boolean; required: boolean };
  expires_at: string;
}

export interface SecondFactor {
  secret: string;
  otpauth_url: string;
  qr_svg: string;
  recovery_codes: string[];
}

export interface List<Row> {
  items: Row[];
  next_cursor?: string | null;
  /** Some lists call it so. */
  next?: string | null;
  total?: number | null;
}

export interface Agent {
  name: string;
  version: number;
  display_name?: string;
  persona?: string;
  model: string;
  voice?: string;
  languages: string[];
  greeting_summary?: string;
  tools: string[];
}

export type EndClass = "success" | "caller" | "us" | "upstream" | "unknown";

export interface CallRow {
  id: string;
  agent: string;
  agent_version: number | null;
  channel: string;
  direction?: "inbound" | "outbound";
  /** Ours. */
  number?: string | null;
  /** The caller's; a hint and no proof. */
  caller_number?: string | null;
  contact_id?: string | null;
  contact_name?: string | null;
  language?: string | null;
  status: "offered" | "ringing" | "answered" | "ended";
  offered_at: string;
  answered_at: string | null;
  ended_at: string | null;
  end_reason: string | null;
  end_class: EndClass | null;
  outcome?: string | null;
  duration_ms?: number | null;
  cost_micros?: number | null;
  currency?: string;
  heard_p95_ms?: number | null;
  has_recording?: boolean;
  has_voicemail?: boolean;
}

export interface Total {
  currency: string;
  cost_micros: number;
  entries: number;
}

export interface RecordingState {
  id: string;
  status: "recording" | "stored" | "broken" | "erased";
  started_at: string;
  /** From the offered call to the first sample. */
  offset_ms: number;
  length_ms: number | null;
  dropped_ms: number | null;
  retained_until: string | null;
  erased_at: string | null;
}

export interface ConsentState {
  purpose: string;
  answer: string;
  disclosed_at: string;
  answered_at: string | null;
  complete: boolean | null;
}

export interface Transfer {
  ordinal: number;
  reason: string;
  target: string;
  kind: string;
  status: string;
  started_at: string;
  ended_at: string | null;
}

export interface CallDetail extends CallRow {
  is_live?: boolean;
  location?: string | null;
  cost?: Total[];
  counts?: { turns: number; events: number; tool_calls: number; usage: number };
  recording?: RecordingState | null;
  consent?: ConsentState[];
  handoffs?: Transfer[];
}

/** Rows of one call, in order. */
export interface Part<Row> {
  items: Row[];
  next_after?: number | null;
}

export interface Turn {
  seq: number;
  speaker: "caller" | "agent" | "human" | "system";
  generated_text: string | null;
  sent_text: string | null;
  heard_text: string | null;
  unheard_text?: string | null;
  language: string | null;
  interrupted: boolean;
  response_ms: number | null;
  heard_ms: number | null;
  /** From the offered call. */
  offset_ms?: number;
  ended_offset_ms?: number | null;
}

export interface CallEvent {
  seq: number;
  at: string;
  name: string;
  data?: Record<string, unknown> | null;
}

export interface ToolCall {
  seq: number;
  tool: string;
  server: string;
  status: string;
  arguments: unknown;
  result: unknown;
  started_at: string;
  finished_at: string | null;
  duration_ms: number | null;
}

export interface UsageRow {
  id: string;
  component: string;
  provider: string;
  model: string;
  unit: string;
  quantity: number;
  cost_micros: number;
  currency: string;
  at: string;
  /** The number of the turn that was paid for. */
  turn: number | null;
}

export interface Usage {
  items: UsageRow[];
  totals: Total[];
}

export interface Consent {
  id: string;
  purpose: string;
  wording: string;
  language: string;
  answer: string;
  answer_text: string | null;
  heard_ms: number | null;
  disclosed_at: string;
  answered_at: string | null;
  complete: boolean | null;
}

export interface Latency {
  /** Number of the agent's turn. */
  turn: number;
  /** When the caller's speech was over. */
  offset_ms: number;
  response_ms: number;
  heard_ms: number | null;
  stages: { stage: string; ms: number }[];
  filler: boolean;
}

export interface Latencies {
  items: Latency[];
  heard_p50_ms: number | null;
  heard_p95_ms: number | null;
  response_p50_ms: number | null;
  response_p95_ms: number | null;
}

/** Lowest and highest level of each span, one after the other, -128 to 127. */
export interface Peaks {
  offset_ms: number;
  pair_us: number;
  caller: number[];
  agent: number[];
}

export interface VoiceSession {
  session_id: string;
  ephemeral_token: string;
  database_session_id: string;
  expires_at: string;
}

export interface LiveCall {
  id: string;
  agent: string;
  agent_version: number;
  channel: string;
  caller_number: string | null;
  offered_at: string;
  phase: string;
  phase_since: string;
  length_ms_max: number;
  cost_micros: number;
  budget_micros: number;
  dead_air: number;
  tools_failed: number;
  last_line: { speaker: string; text: string } | null;
}

export interface LiveSnapshot {
  items: LiveCall[];
  number: number;
  calls_max?: number;
}

export type HealthState = "good" | "too_few" | "warning" | "critical";

export interface Wait {
  count: number;
  p50_ms: number | null;
  p95_ms: number | null;
}

export interface VoiceHealth {
  from: string;
  to: string;
  window: string;
  tenant: string | null;
  calls: {
    offered: number;
    in_progress: number;
    streams: number;
    classes: { name: string; calls: number }[];
    ends: { name: string; calls: number }[];
  };
  handshake: Wait & { threshold_ms: number; state: HealthState };
  fallbacks: {
    count: number;
    rate_percent: number | null;
    warning_percent: number;
    critical_percent: number;
    state: HealthState;
    reasons: { name: string; calls: number }[];
  };
  concurrency: { now: number; peak: number; limit: number; peak_tenant: string | null };
  dead_air: { count: number; answered_turns: number; rate_percent: number | null };
  interruptions: { held: number; stopped: number; resumed: number };
  response: Wait;
  heard: Wait;
  cost: { currency: string; cost_micros: number; per_call_micros: number | null }[];
  alerts: { tenant: string | null; rule: string; subject: string; severity: string; figure: number; raised_at: string; cleared_at: string | null }[];
  series: { at: string; offered: number; fallbacks: number; handshake_p95_ms: number | null }[];
  step_s: number;
}

export type UsageBy = "day" | "agent" | "component" | "model" | "user";

export interface UsageSum {
  name: string | null;
  currency: string;
  cost_micros: number;
  entries: number;
  calls: number;
}

export interface UsageReport {
  by: UsageBy;
  from: string;
  to: string;
  time_zone: string;
  items: UsageSum[];
  totals: { currency: string; cost_micros: number }[];
  forecast: { currency: string; last_7_days_micros: number; next_30_days_micros: number }[];
}

/** `null`: not set there; 0: no limit. */
export interface BudgetLimits {
  session_micros: number | null;
  session_s: number | null;
  user_day_micros: number | null;
  tenant_day_micros: number | null;
}

export interface Budgets {
  time_zone: string;
  day: string;
  from: string;
  to: string;
  warning_percent: number;
  limits: BudgetLimits;
  own: BudgetLimits;
  defaults: BudgetLimits;
  today: { spent_micros: number; held_micros: number; forecast_micros: number | null };
  users: { user: string; spent_micros: number }[];
}
