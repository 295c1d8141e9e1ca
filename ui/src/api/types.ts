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
  display_name?: string;
  version: number | string;
  model: string;
  languages: string[];
  greeting_summary?: string;
  tools: string[];
}

export type EndClass = "success" | "caller" | "us" | "upstream" | "unknown";

export interface CallRow {
  id: string;
  agent: string;
  agent_version?: number | string | null;
  channel: string;
  status: "offered" | "ringing" | "answered" | "ended";
  offered_at: string;
  answered_at?: string | null;
  ended_at?: string | null;
  end_reason?: string | null;
  end_class?: EndClass | null;
  contact?: { id: string; name?: string | null; number?: string | null } | null;
  number?: string | null;
  language?: string | null;
  outcome?: string | null;
  duration_ms?: number | null;
  heard_p95_ms?: number | null;
  cost_micros?: number | null;
  currency?: string | null;
  satisfaction?: number | null;
  summary?: string | null;
  has_recording?: boolean;
  has_voicemail?: boolean;
}

export interface CallDetail extends CallRow {
  cost?: { cost_micros: number; currency: string; estimated?: boolean } | null;
  counts?: { turns?: number; events?: number; tool_calls?: number } | null;
  recording?: { state: string; length_ms?: number | null; kept_until?: string | null } | null;
  [other: string]: unknown;
}

export interface Turn {
  call_id?: string;
  seq: number;
  speaker: "caller" | "agent" | "human" | "system";
  started_at?: string | null;
  at_ms?: number | null;
  started_ms?: number | null;
  generated_text?: string | null;
  sent_text?: string | null;
  heard_text?: string | null;
  text?: string | null;
  language?: string | null;
  interrupted: boolean;
  response_ms?: number | null;
  heard_ms?: number | null;
}

export interface CallEvent {
  number: number;
  at?: string;
  at_ms?: number;
  name?: string;
  kind?: string;
  detail?: Record<string, unknown> | null;
  [field: string]: unknown;
}

export interface ToolCall {
  id?: string;
  name?: string;
  tool?: string;
  status: string;
  arguments?: unknown;
  result?: unknown;
  requested_at?: string | null;
  started_at?: string | null;
  duration_ms?: number | null;
  took_ms?: number | null;
  confirmed?: boolean | null;
  after_interruption?: boolean;
  [field: string]: unknown;
}

export interface UsageRow {
  component: string;
  quantity?: number;
  unit?: string;
  price_micros?: number | null;
  cost_micros: number;
  currency: string;
  turn?: number | null;
  seq?: number | null;
  model?: string | null;
  estimated?: boolean;
  [field: string]: unknown;
}

export interface Consent {
  purpose: string;
  answer: string;
  at?: string;
  recorded_at?: string;
  wording?: string | null;
  [field: string]: unknown;
}

export interface Stage {
  name: string;
  ms: number;
}

export interface Latency {
  seq: number;
  stages: Stage[];
  total_ms?: number | null;
  response_ms?: number | null;
  heard_ms?: number | null;
  caller_stopped_ms?: number | null;
}

export interface Peaks {
  length_ms?: number;
  /** Pairs of lowest and highest, or one height each, between -1 and 1. */
  caller?: number[];
  agent?: number[];
  lanes?: { speaker: string; peaks: number[] }[];
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
  channel: string;
  phase?: string;
  phase_since?: string;
  offered_at?: string;
  answered_at?: string | null;
  started_at?: string | null;
  contact?: { id: string; name?: string | null; number?: string | null } | null;
  language?: string | null;
  cost_micros?: number | null;
  currency?: string | null;
  length_max_s?: number | null;
  last_line?: { speaker: string; text: string } | null;
  number?: number;
  trouble?: string[];
}

export interface LiveSnapshot {
  items: LiveCall[];
  number: number;
  permits?: { held: number; limit: number } | null;
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
  alerts: { tenant: string | null; name?: string; rule?: string; severity?: string; raised_at?: string; cleared_at?: string | null; [field: string]: unknown }[];
  series: { at: string; offered: number; fallbacks: number; handshake_p95_ms: number | null }[];
  step_s: number;
}
