//! The shapes of answers, by name. The notation is explained in [`super::notation`].

pub(super) const SCHEMAS: &[(&str, &str)] = &[
    (
        "Problem",
        "{type: string, title: string, status: integer, code: string, detail?: string, pointer?: string,
          request_id?: string, retry_after_s?: integer, error?: VendorError}",
    ),
    (
        "VendorError",
        "{message: string, type: string, param: string?, code: string?}",
    ),
    ("Channel", r#""phone" | "web_voice""#),
    ("Direction", r#""inbound" | "outbound""#),
    ("CallStatus", r#""offered" | "ringing" | "answered" | "ended""#),
    ("EndClass", r#""success" | "caller" | "us" | "upstream" | "unknown""#),
    (
        "CallOutcome",
        r#""booked" | "handed_off" | "voicemail" | "message_left" | "completed" | "hung_up" | "not_reached" |
          "fallback" | "failed""#,
    ),
    (
        "CallSort",
        r#""-offered_at" | "offered_at" | "-duration" | "duration" | "-cost" | "cost" | "-heard_latency" |
          "heard_latency""#,
    ),
    ("Speaker", r#""caller" | "agent" | "human" | "system""#),
    (
        "CallSummary",
        "{id: uuid, carrier_call_id: string?, agent: string, agent_version: integer?, channel: Channel,
          direction: Direction, number: string?, caller_number: string?, contact_id: uuid?, contact_name: string?,
          language: string?, status: CallStatus, offered_at: time, answered_at: time?, ended_at: time?,
          end_reason: string?, end_class: EndClass?, outcome: CallOutcome?, duration_ms: integer?,
          cost_micros: integer?, currency: string, heard_p95_ms: integer?, has_recording: boolean,
          has_voicemail: boolean}",
    ),
    ("CallList", "{items: [CallSummary], next_cursor: string?}"),
    (
        "CallPage",
        "CallSummary & {agent_name: string, carrier_status: string?, conversation_id: uuid?, location: string?,
          is_live: boolean, cost: [CostTotal], counts: CallCounts, recording: RecordingState?,
          consent: [ConsentState], handoffs: [Handoff], outgoing?: OutgoingWish}",
    ),
    (
        "OutgoingWish",
        "{id: uuid, contact_id: uuid, agent: string, purpose: string, to_number: string, from_number: string,
          context: string?, not_before: time, not_after: time, state: string, outcome: string?, attempts: integer,
          created_at: time, updated_at: time, tries: [OutgoingTry]}",
    ),
    (
        "OutgoingTry",
        "{call_id: uuid, ordinal: integer, answered_by: string?, started_at: time, status: CallStatus,
          carrier_call_id: string?, ended_at: time?, end_reason: string?}",
    ),
    (
        "PlacedCall",
        "{id: uuid, state: string, not_before: time, not_after: time}",
    ),
    ("CostTotal", "{currency: string, cost_micros: integer, entries: integer}"),
    (
        "CallCounts",
        "{turns: integer, events: integer, tool_calls: integer, usage: integer, consents: integer,
          transfers: integer, voicemails: integer}",
    ),
    (
        "RecordingState",
        "{id: uuid, status: RecordingStatus, layout: string, started_at: time, offset_ms: integer,
          length_ms: integer?, dropped_ms: integer?, bytes: integer?, retained_until: time?, erased_at: time?}",
    ),
    ("RecordingStatus", r#""recording" | "stored" | "broken" | "erased""#),
    (
        "ConsentState",
        "{purpose: string, answer: ConsentAnswer, disclosed_at: time, answered_at: time?, complete: boolean?}",
    ),
    (
        "ConsentAnswer",
        r#""implied" | "granted" | "refused" | "none" | "withdrawn""#,
    ),
    (
        "Handoff",
        "{call_id: uuid, ordinal: integer, reason: string, target: string, kind: string, status: string,
          started_at: time, ended_at: time?, talked_s: integer?}",
    ),
    (
        "Turn",
        "{seq: integer, speaker: Speaker, generated_text: string?, sent_text: string?, heard_text: string?,
          language: string?, confidence: number?, interrupted: boolean, response_ms: integer?, heard_ms: integer?,
          started_at: time, ended_at: time?, offset_ms: integer, ended_offset_ms: integer?, unheard_text: string?}",
    ),
    ("TurnPart", "{items: [Turn], next_after: integer?}"),
    ("CallEvent", "{seq: integer, at: time, name: string, data: any}"),
    ("EventPart", "{items: [CallEvent], next_after: integer?}"),
    (
        "ToolCall",
        "{seq: integer, tool: string, server: string, status: ToolCallStatus, arguments: any, result: any,
          started_at: time, finished_at: time?, duration_ms: integer?}",
    ),
    (
        "ToolCallStatus",
        r#""requested" | "running" | "succeeded" | "failed" | "timed_out" | "refused" | "late""#,
    ),
    ("ToolCallPart", "{items: [ToolCall], next_after: integer?}"),
    (
        "UsageRow",
        "{id: uuid, call_id: uuid?, component: string, provider: string, model: string, unit: string,
          quantity: integer, cost_micros: integer, currency: string, at: time, turn: integer?}",
    ),
    ("CallUsage", "{items: [UsageRow], totals: [CostTotal]}"),
    (
        "Consent",
        "{id: uuid, contact_id: uuid?, call_id: uuid?, purpose: string, wording: string, language: string,
          answer: ConsentAnswer, answer_text: string?, heard_ms: integer?, disclosed_at: time, answered_at: time?,
          version: string?, complete: boolean?}",
    ),
    ("Consents", "{items: [Consent]}"),
    (
        "CallLatencies",
        "{items: [TurnLatency], heard_p50_ms: integer?, heard_p95_ms: integer?, response_p50_ms: integer?,
          response_p95_ms: integer?}",
    ),
    (
        "TurnLatency",
        "{turn: integer, offset_ms: integer, response_ms: integer, heard_ms: integer?, stages: [LatencyStage],
          filler: boolean}",
    ),
    ("LatencyStage", "{stage: LatencyStageName, ms: integer}"),
    (
        "LatencyStageName",
        r#""endpointing" | "waiting" | "model" | "tools" | "delivery""#,
    ),
    (
        "Peaks",
        "{recording_id: uuid, offset_ms: integer, pair_us: integer, caller: [integer], agent: [integer]}",
    ),
    (
        "Agent",
        "{name: string, version: integer, display_name: string, persona: string, model: string, voice: string,
          languages: [string], greeting_summary: string, tools: [string], published_at: time}",
    ),
    ("Agents", "{items: [Agent]}"),
    (
        "LiveCall",
        "{id: uuid, agent: string, agent_version: integer, channel: Channel, direction: Direction, number: string?,
          caller_number: string?, offered_at: time, phase: LivePhase, phase_since: time, length_ms_max: integer,
          cost_micros: integer, budget_micros: integer, dead_air: integer, tools_failed: integer,
          last_line: LiveLine?, seq: integer}",
    ),
    (
        "LivePhase",
        r#""connecting" | "listening" | "thinking" | "speaking" | "tool" | "with_staff" | "handing_off" | "ended""#,
    ),
    ("LiveLine", "{speaker: Speaker, text: string}"),
    ("LiveCalls", "{number: integer, items: [LiveCall], calls_max: integer}"),
    ("Steered", "{id: uuid, state: SteeredState}"),
    ("SteeredState", r#""accepted" | "ended""#),
    ("ClosingSentence", r#""goodbye" | "apology""#),
    ("UsageBy", r#""day" | "agent" | "component" | "model" | "user""#),
    (
        "UsageReport",
        "{by: UsageBy, from: time, to: time, time_zone: string, items: [UsageSum], totals: [UsageTotal],
          forecast: [UsageForecast]}",
    ),
    (
        "UsageSum",
        "{name: string?, currency: string, cost_micros: integer, entries: integer, calls: integer}",
    ),
    ("UsageTotal", "{currency: string, cost_micros: integer}"),
    (
        "UsageForecast",
        "{currency: string, last_7_days_micros: integer, next_30_days_micros: integer}",
    ),
    (
        "Budgets",
        "{time_zone: string, day: string, from: time, to: time, warning_percent: integer, limits: BudgetLimits,
          own: BudgetLimits, defaults: BudgetLimits, today: DaySpending, users: [UserToday]}",
    ),
    (
        "BudgetLimits",
        "{session_micros: integer?, session_s: integer?, user_day_micros: integer?, tenant_day_micros: integer?}",
    ),
    (
        "DaySpending",
        "{spent_micros: integer, held_micros: integer, forecast_micros: integer?}",
    ),
    ("UserToday", "{user: string, spent_micros: integer}"),
    (
        "Switch",
        "{switch: string, scope: SwitchScope, number: string?, value: string, set_at: time, expires_at: time?}",
    ),
    ("SwitchScope", r#""installation" | "tenant" | "number""#),
    ("Switches", "{items: [Switch]}"),
    (
        "Login",
        "{staff_id: uuid, name: string, email: string, role: StaffRole, capabilities: [string], tenant: LoginTenant,
          tenants: [LoginTenant], demo: boolean, second_factor: SecondFactor, expires_at: time}",
    ),
    ("StaffRole", r#""viewer" | "staff" | "manager" | "owner""#),
    (
        "LoginTenant",
        "{id: uuid, name: string, display_name: string, time_zone: string}",
    ),
    (
        "SecondFactor",
        "{enrolled: boolean, required: boolean, missing: boolean, recovery_codes_left: integer}",
    ),
    (
        "SecondFactorSecrets",
        "{secret: string, otpauth_url: string, qr_svg: string, recovery_codes: [string]}",
    ),
    ("FirstRun", "{needed: boolean, demo_logins: [DemoLogin]}"),
    (
        "DemoLogin",
        "{tenant: string, display_name: string, email: string, password: string}",
    ),
    (
        "StaffMember",
        "{id: uuid, name: string, email: string, role: StaffRole, location: string?, created_at: time,
          disabled_at: time?, last_signed_in_at: time?, sign_ins: integer, is_demo: boolean, second_factor: boolean}",
    ),
    ("StaffList", "{items: [StaffMember], next_cursor: string?}"),
    ("Invited", "{id: uuid, link: string}"),
    (
        "AuditEntry",
        "{id: uuid, at: time, actor_kind: string, actor_id: uuid?, purpose: string, action: string, noun: string,
          noun_id: string?}",
    ),
    ("AuditList", "{items: [AuditEntry], next_cursor: string?}"),
    (
        "Webhook",
        "{id: uuid, url: string, events: [string], state: WebhookState, failing_since: time?, created_at: time}",
    ),
    ("WebhookState", r#""enabled" | "disabled" | "removed""#),
    ("WebhookWithSecret", "Webhook & {secret: string}"),
    ("Webhooks", "{items: [Webhook]}"),
    (
        "WebhookDelivery",
        "{id: uuid, endpoint_id: uuid, event: string, key: string, payload: any, occurred_at: time,
          state: WebhookDeliveryState, created_at: time, updated_at: time}",
    ),
    (
        "WebhookDeliveryState",
        r#""waiting" | "delivered" | "failed""#,
    ),
    ("WebhookDeliveries", "{items: [WebhookDelivery], next_cursor: string?}"),
    ("WebhookDeliveryPage", "WebhookDelivery & {tries: [WebhookTry]}"),
    (
        "WebhookTry",
        "{delivery_id: uuid, endpoint_id: uuid, event: string, ordinal: integer, at: time, status: integer?,
          error: string?, duration_ms: integer}",
    ),
    ("Replayed", "{id: uuid, state: string}"),
    (
        "VoiceSession",
        "{session_id: string, ephemeral_token: string, database_session_id: uuid, expires_at: time}",
    ),
    ("ClientSecret", "{value: string, expires_at: integer, session: any}"),
];
