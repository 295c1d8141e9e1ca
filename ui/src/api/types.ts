/** What the server says and takes. What its OpenAPI document describes is made from it, in `schema.ts`; the rest stands
 *  here. Times are RFC 3339, ids whole UUIDs, money micro-units. */
export type {
  Agent,
  CallLatencies as Latencies,
  CallPage as CallDetail,
  CallSummary as CallRow,
  CallUsage as Usage,
  Consent,
  ConsentState,
  CostTotal as Total,
  EndClass,
  Handoff as Transfer,
  LiveCall,
  LiveCalls as LiveSnapshot,
  Peaks,
  RecordingState,
  ToolCall,
  Turn,
  TurnLatency as Latency,
  UsageRow,
} from "./schema";
import type { CallEvent as AnyEvent } from "./schema";

/** What an event tells beside its name are plain fields, by the kind of event. */
export type CallEvent = Omit<AnyEvent, "data"> & { data?: Record<string, unknown> | null };

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
  second_factor: { enrolled: boolean; required: boolean; recovery_codes_left?: number };
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

/** Rows of one call, in order. */
export interface Part<Row> {
  items: Row[];
  next_after?: number | null;
}

export interface VoiceSession {
  session_id: string;
  ephemeral_token: string;
  database_session_id: string;
  expires_at: string;
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
