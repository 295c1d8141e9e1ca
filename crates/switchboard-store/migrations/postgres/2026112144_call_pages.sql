-- What the list of calls is sorted, narrowed and summed by, so that it answers fast with a million of them, and the
-- outline of a recording, so that a page can draw it without decoding the audio.

-- What came of the call in one word; null while it goes on. Figures are those of its end: 0 before it, and where there
-- is none, so that the indexes order them alike on both databases.
alter table calls add column outcome text check (outcome in ('booked', 'handed_off', 'voicemail', 'message_left',
    'completed', 'hung_up', 'not_reached', 'fallback', 'failed'));
alter table calls add column duration_ms bigint not null default 0;
-- In the currency of the price table, which is USD.
alter table calls add column cost_micros bigint not null default 0;
-- From a caller's last word to audio heard: of twenty turns nineteen were as fast.
alter table calls add column heard_p95_ms bigint not null default 0;

create index appointments_by_call on appointments (tenant_id, call_id);

-- The owner fills the columns for all tenants; row security is forced again before anybody sees the change.
alter table calls no force row level security;
alter table usage no force row level security;
alter table appointments no force row level security;
alter table voicemails no force row level security;

update calls set
    outcome = case
        when end_reason is null then null
        when exists (select 1 from appointments a where a.tenant_id = calls.tenant_id and a.call_id = calls.id)
            then 'booked'
        when exists (select 1 from voicemails v where v.tenant_id = calls.tenant_id and v.call_id = calls.id)
            then 'voicemail'
        when end_reason in ('dtmf_0', 'asked', 'staff', 'silence', 'length', 'emergency', 'bridge_only') then 'handed_off'
        when end_reason in ('handshake_timeout', 'model_failed', 'model_refused', 'concurrency_limit', 'streaming_off',
            'budget', 'tool_failed', 'process_lost', 'database_lost') then 'fallback'
        when end_reason = 'message_left' then 'message_left'
        when end_class = 'success' then 'completed'
        when end_reason = 'caller_hung_up' then 'hung_up'
        when end_class = 'caller' then 'not_reached'
        else 'failed' end,
    cost_micros = (select coalesce(sum(u.cost_micros), 0) from usage u
        where u.tenant_id = calls.tenant_id and u.call_id = calls.id and u.currency = 'USD');
update calls set duration_ms = greatest(0, cast(extract(epoch from ended_at - answered_at) * 1000 as bigint))
    where answered_at is not null and ended_at is not null;

alter table calls force row level security;
alter table usage force row level security;
alter table appointments force row level security;
alter table voicemails force row level security;

-- Every order of the list is an index of its own; the id makes a place in it one place.
create index calls_by_time_and_id on calls (tenant_id, offered_at, id);
drop index calls_by_time;
create index calls_by_agent on calls (tenant_id, agent_name, offered_at, id);
create index calls_by_outcome on calls (tenant_id, outcome, offered_at, id);
create index calls_by_class on calls (tenant_id, end_class, offered_at, id);
create index calls_by_caller on calls (tenant_id, caller_number);
create index calls_by_duration on calls (tenant_id, duration_ms, id);
create index calls_by_cost on calls (tenant_id, cost_micros, id);
create index calls_by_heard on calls (tenant_id, heard_p95_ms, id);

-- At most 2,000 pairs of lowest and highest level a side; goes with the audio.
alter table recordings add column peaks bytea;
