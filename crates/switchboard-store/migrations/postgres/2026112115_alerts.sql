-- Alerts, and what the voice health page needs to answer for any window in time.

-- What is wrong with one tenant's calls, and since when. Rules and figures, no personal data.
create table alerts (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    rule text not null,
    severity text not null check (severity in ('warning', 'critical')),
    -- The figure that raised it, in the unit of the rule.
    figure double precision not null,
    raised_at timestamptz not null,
    cleared_at timestamptz,
    primary key (tenant_id, id)
);
-- One open alert per rule: of several nodes that find the same, one raises it and sends the mail.
create unique index alerts_open on alerts (tenant_id, rule) where cleared_at is null;
create index alerts_by_time on alerts (tenant_id, raised_at);

-- The same for what stands under all tenants: a node's disk, the database, a vendor's account. `subject` names which.
create table installation_alerts (
    id uuid primary key,
    rule text not null,
    subject text not null,
    severity text not null check (severity in ('warning', 'critical')),
    figure double precision not null,
    raised_at timestamptz not null,
    -- Moves while its node still finds it; one whose node is gone is cleared by the next who looks.
    seen_at timestamptz not null,
    cleared_at timestamptz
);
create unique index installation_alerts_open on installation_alerts (rule, subject) where cleared_at is null;
create index installation_alerts_by_time on installation_alerts (raised_at);

-- Handshakes of a window with their length, read from the index alone.
create index handshakes_by_time_and_length on handshakes (tenant_id, started_at, elapsed_ms);
drop index handshakes_by_time;

-- The few events that are counted over windows, among some hundred of each call.
create index call_events_counted on call_events (tenant_id, name, at)
    where name in ('turn_ended', 'dead_air_counted', 'interruption_held', 'reply_interrupted', 'reply_resumed');

alter table alerts enable row level security;
alter table alerts force row level security;
create policy tenant_scope on alerts to switchboard_app
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on alerts to switchboard_app;

alter table installation_alerts enable row level security;
alter table installation_alerts force row level security;
create policy installation_scope on installation_alerts to switchboard_app
    using (current_setting('app.installation', true) = 'on')
    with check (current_setting('app.installation', true) = 'on');
grant select, insert, update, delete on installation_alerts to switchboard_app;
