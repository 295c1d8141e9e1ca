-- Budgets that several calls share: what is set aside for calls in progress, and a ledger that says which turn was paid
-- for. What was spent is the ledger itself, so nothing here can disagree with the bill.

-- One row per call in progress of a tenant that has a budget for its days. Not referring to calls on purpose: money is set
-- aside before there is a call, and for some there never is one.
create table budget_holds (
    tenant_id blob not null references tenants (id),
    call_id blob not null,
    -- The app's own id of its user, whose day has a budget too.
    user_id text,
    -- In all since the call began, in millionths of USD; what the ledger has of the call is part of it.
    held_micros integer not null,
    -- A call that was never seen again holds nothing from here on.
    expires_at text not null,
    created_at text not null,
    primary key (tenant_id, call_id)
) strict;

-- The turn that was paid for; null where it was none's: carrier minutes, and everything before.
alter table usage add column turn integer;

-- A day is added up from the index alone.
create index usage_by_time_and_cost on usage (tenant_id, at, currency, cost_micros);
drop index usage_by_time;
create index voice_sessions_by_user on voice_sessions (tenant_id, user_id);
