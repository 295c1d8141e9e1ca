// Made by scripts/api-types.mjs out of `switchboard openapi`. Changes by hand are lost.

export interface Agent {
  display_name: string;
  greeting_summary: string;
  languages: string[];
  model: string;
  name: string;
  persona: string;
  published_at: string;
  tools: string[];
  version: number;
  voice: string;
}

export interface Agents {
  items: Agent[];
}

export interface AuditEntry {
  action: string;
  actor_id: string | null;
  actor_kind: string;
  at: string;
  id: string;
  noun: string;
  noun_id: string | null;
  purpose: string;
}

export interface AuditList {
  items: AuditEntry[];
  next_cursor: string | null;
}

export interface BudgetLimits {
  session_micros: number | null;
  session_s: number | null;
  tenant_day_micros: number | null;
  user_day_micros: number | null;
}

export interface Budgets {
  day: string;
  defaults: BudgetLimits;
  from: string;
  limits: BudgetLimits;
  own: BudgetLimits;
  time_zone: string;
  to: string;
  today: DaySpending;
  users: UserToday[];
  warning_percent: number;
}

export interface CallCounts {
  consents: number;
  events: number;
  tool_calls: number;
  transfers: number;
  turns: number;
  usage: number;
  voicemails: number;
}

export interface CallEvent {
  at: string;
  data: unknown;
  name: string;
  seq: number;
}

export interface CallLatencies {
  heard_p50_ms: number | null;
  heard_p95_ms: number | null;
  items: TurnLatency[];
  response_p50_ms: number | null;
  response_p95_ms: number | null;
}

export interface CallList {
  items: CallSummary[];
  next_cursor: string | null;
}

export type CallOutcome = "booked" | "handed_off" | "voicemail" | "message_left" | "completed" | "hung_up" | "not_reached" | "fallback" | "failed";

export type CallPage = CallSummary & {
  agent_name: string;
  carrier_status: string | null;
  consent: ConsentState[];
  conversation_id: string | null;
  cost: CostTotal[];
  counts: CallCounts;
  handoffs: Handoff[];
  is_live: boolean;
  location: string | null;
  outgoing?: OutgoingWish;
  recording: RecordingState | null;
};

export type CallSort = "-offered_at" | "offered_at" | "-duration" | "duration" | "-cost" | "cost" | "-heard_latency" | "heard_latency";

export type CallStatus = "offered" | "ringing" | "answered" | "ended";

export interface CallSummary {
  agent: string;
  agent_version: number | null;
  answered_at: string | null;
  caller_number: string | null;
  carrier_call_id: string | null;
  channel: Channel;
  contact_id: string | null;
  contact_name: string | null;
  cost_micros: number | null;
  currency: string;
  direction: Direction;
  duration_ms: number | null;
  end_class: EndClass | null;
  end_reason: string | null;
  ended_at: string | null;
  has_recording: boolean;
  has_voicemail: boolean;
  heard_p95_ms: number | null;
  id: string;
  language: string | null;
  number: string | null;
  offered_at: string;
  outcome: CallOutcome | null;
  status: CallStatus;
}

export interface CallUsage {
  items: UsageRow[];
  totals: CostTotal[];
}

export type Channel = "phone" | "web_voice";

export interface ClientSecret {
  expires_at: number;
  session: unknown;
  value: string;
}

export type ClosingSentence = "goodbye" | "apology";

export interface Consent {
  answer: ConsentAnswer;
  answer_text: string | null;
  answered_at: string | null;
  call_id: string | null;
  complete: boolean | null;
  contact_id: string | null;
  disclosed_at: string;
  heard_ms: number | null;
  id: string;
  language: string;
  purpose: string;
  version: string | null;
  wording: string;
}

export type ConsentAnswer = "implied" | "granted" | "refused" | "none" | "withdrawn";

export interface ConsentState {
  answer: ConsentAnswer;
  answered_at: string | null;
  complete: boolean | null;
  disclosed_at: string;
  purpose: string;
}

export interface Consents {
  items: Consent[];
}

export interface CostTotal {
  cost_micros: number;
  currency: string;
  entries: number;
}

export interface DaySpending {
  forecast_micros: number | null;
  held_micros: number;
  spent_micros: number;
}

export interface DemoLogin {
  display_name: string;
  email: string;
  password: string;
  tenant: string;
}

export type Direction = "inbound" | "outbound";

export type EndClass = "success" | "caller" | "us" | "upstream" | "unknown";

export interface EventPart {
  items: CallEvent[];
  next_after: number | null;
}

export interface FirstRun {
  demo_logins: DemoLogin[];
  needed: boolean;
}

export interface Handoff {
  call_id: string;
  ended_at: string | null;
  kind: string;
  ordinal: number;
  reason: string;
  started_at: string;
  status: string;
  talked_s: number | null;
  target: string;
}

export interface Invited {
  id: string;
  link: string;
}

export interface LatencyStage {
  ms: number;
  stage: LatencyStageName;
}

export type LatencyStageName = "endpointing" | "waiting" | "model" | "tools" | "delivery";

export interface LiveCall {
  agent: string;
  agent_version: number;
  budget_micros: number;
  caller_number: string | null;
  channel: Channel;
  cost_micros: number;
  dead_air: number;
  direction: Direction;
  id: string;
  last_line: LiveLine | null;
  length_ms_max: number;
  number: string | null;
  offered_at: string;
  phase: LivePhase;
  phase_since: string;
  seq: number;
  tools_failed: number;
}

export interface LiveCalls {
  calls_max: number;
  items: LiveCall[];
  number: number;
}

export interface LiveLine {
  speaker: Speaker;
  text: string;
}

export type LivePhase = "connecting" | "listening" | "thinking" | "speaking" | "tool" | "with_staff" | "handing_off" | "ended";

export interface Login {
  capabilities: string[];
  demo: boolean;
  email: string;
  expires_at: string;
  name: string;
  role: StaffRole;
  second_factor: SecondFactor;
  staff_id: string;
  tenant: LoginTenant;
  tenants: LoginTenant[];
}

export interface LoginTenant {
  display_name: string;
  id: string;
  name: string;
  time_zone: string;
}

export interface OutgoingTry {
  answered_by: string | null;
  call_id: string;
  carrier_call_id: string | null;
  end_reason: string | null;
  ended_at: string | null;
  ordinal: number;
  started_at: string;
  status: CallStatus;
}

export interface OutgoingWish {
  agent: string;
  attempts: number;
  contact_id: string;
  context: string | null;
  created_at: string;
  from_number: string;
  id: string;
  not_after: string;
  not_before: string;
  outcome: string | null;
  purpose: string;
  state: string;
  to_number: string;
  tries: OutgoingTry[];
  updated_at: string;
}

export interface Peaks {
  agent: number[];
  caller: number[];
  offset_ms: number;
  pair_us: number;
  recording_id: string;
}

export interface PlacedCall {
  id: string;
  not_after: string;
  not_before: string;
  state: string;
}

export interface Problem {
  code: string;
  detail?: string;
  pointer?: string;
  request_id?: string;
  retry_after_s?: number;
  status: number;
  title: string;
  type: string;
}

export interface RecordingState {
  bytes: number | null;
  dropped_ms: number | null;
  erased_at: string | null;
  id: string;
  layout: string;
  length_ms: number | null;
  offset_ms: number;
  retained_until: string | null;
  started_at: string;
  status: RecordingStatus;
}

export type RecordingStatus = "recording" | "stored" | "broken" | "erased";

export interface Replayed {
  id: string;
  state: string;
}

export interface SecondFactor {
  enrolled: boolean;
  missing: boolean;
  recovery_codes_left: number;
  required: boolean;
}

export interface SecondFactorSecrets {
  otpauth_url: string;
  qr_svg: string;
  recovery_codes: string[];
  secret: string;
}

export type Speaker = "caller" | "agent" | "human" | "system";

export interface StaffList {
  items: StaffMember[];
  next_cursor: string | null;
}

export interface StaffMember {
  created_at: string;
  disabled_at: string | null;
  email: string;
  id: string;
  is_demo: boolean;
  last_signed_in_at: string | null;
  location: string | null;
  name: string;
  role: StaffRole;
  second_factor: boolean;
  sign_ins: number;
}

export type StaffRole = "viewer" | "staff" | "manager" | "owner";

export interface Steered {
  id: string;
  state: SteeredState;
}

export type SteeredState = "accepted" | "ended";

export interface Switch {
  expires_at: string | null;
  number: string | null;
  scope: SwitchScope;
  set_at: string;
  switch: string;
  value: string;
}

export type SwitchScope = "installation" | "tenant" | "number";

export interface Switches {
  items: Switch[];
}

export interface ToolCall {
  arguments: unknown;
  duration_ms: number | null;
  finished_at: string | null;
  result: unknown;
  seq: number;
  server: string;
  started_at: string;
  status: ToolCallStatus;
  tool: string;
}

export interface ToolCallPart {
  items: ToolCall[];
  next_after: number | null;
}

export type ToolCallStatus = "requested" | "running" | "succeeded" | "failed" | "timed_out" | "refused" | "late";

export interface Turn {
  confidence: number | null;
  ended_at: string | null;
  ended_offset_ms: number | null;
  generated_text: string | null;
  heard_ms: number | null;
  heard_text: string | null;
  interrupted: boolean;
  language: string | null;
  offset_ms: number;
  response_ms: number | null;
  sent_text: string | null;
  seq: number;
  speaker: Speaker;
  started_at: string;
  unheard_text: string | null;
}

export interface TurnLatency {
  filler: boolean;
  heard_ms: number | null;
  offset_ms: number;
  response_ms: number;
  stages: LatencyStage[];
  turn: number;
}

export interface TurnPart {
  items: Turn[];
  next_after: number | null;
}

export type UsageBy = "day" | "agent" | "component" | "model" | "user";

export interface UsageForecast {
  currency: string;
  last_7_days_micros: number;
  next_30_days_micros: number;
}

export interface UsageReport {
  by: UsageBy;
  forecast: UsageForecast[];
  from: string;
  items: UsageSum[];
  time_zone: string;
  to: string;
  totals: UsageTotal[];
}

export interface UsageRow {
  at: string;
  call_id: string | null;
  component: string;
  cost_micros: number;
  currency: string;
  id: string;
  model: string;
  provider: string;
  quantity: number;
  turn: number | null;
  unit: string;
}

export interface UsageSum {
  calls: number;
  cost_micros: number;
  currency: string;
  entries: number;
  name: string | null;
}

export interface UsageTotal {
  cost_micros: number;
  currency: string;
}

export interface UserToday {
  spent_micros: number;
  user: string;
}

export interface VoiceSession {
  database_session_id: string;
  ephemeral_token: string;
  expires_at: string;
  session_id: string;
}

export interface Webhook {
  created_at: string;
  events: string[];
  failing_since: string | null;
  id: string;
  state: WebhookState;
  url: string;
}

export interface WebhookDeliveries {
  items: WebhookDelivery[];
  next_cursor: string | null;
}

export interface WebhookDelivery {
  created_at: string;
  endpoint_id: string;
  event: string;
  id: string;
  key: string;
  occurred_at: string;
  payload: unknown;
  state: WebhookDeliveryState;
  updated_at: string;
}

export type WebhookDeliveryPage = WebhookDelivery & {
  tries: WebhookTry[];
};

export type WebhookDeliveryState = "waiting" | "delivered" | "failed";

export type WebhookState = "enabled" | "disabled" | "removed";

export interface WebhookTry {
  at: string;
  delivery_id: string;
  duration_ms: number;
  endpoint_id: string;
  error: string | null;
  event: string;
  ordinal: number;
  status: number | null;
}

export type WebhookWithSecret = Webhook & {
  secret: string;
};

export interface Webhooks {
  items: Webhook[];
}
