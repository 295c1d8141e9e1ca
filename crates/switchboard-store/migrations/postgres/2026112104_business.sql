-- What a business offers, who does it when, and the diary.

create table services (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    name text not null,
    name_key text not null,
    description text,
    duration_minutes bigint not null check (duration_minutes > 0),
    price_micros bigint not null,
    currency text not null check (length(currency) = 3),
    -- Other words callers use for this service.
    synonyms jsonb not null,
    location text,
    active boolean not null,
    created_at timestamptz not null,
    primary key (tenant_id, id),
    unique (tenant_id, name_key)
);

create table practitioners (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    name text not null,
    name_key text not null,
    location text,
    active boolean not null,
    -- Raised by every change of this diary. The update locks the row, which puts bookings in a line on both databases.
    diary_version bigint not null,
    created_at timestamptz not null,
    primary key (tenant_id, id),
    unique (tenant_id, name_key)
);

create table practitioner_services (
    tenant_id uuid not null references tenants (id),
    practitioner_id uuid not null,
    service_id uuid not null,
    primary key (tenant_id, practitioner_id, service_id),
    foreign key (tenant_id, practitioner_id) references practitioners (tenant_id, id),
    foreign key (tenant_id, service_id) references services (tenant_id, id)
);

-- Local times of the tenant's zone. Without a practitioner the row speaks for the whole business.
create table opening_hours (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    practitioner_id uuid,
    -- 1 is Monday, 7 is Sunday.
    weekday bigint not null check (weekday between 1 and 7),
    opens_minute bigint not null check (opens_minute between 0 and 1439),
    closes_minute bigint not null check (closes_minute between 1 and 1440),
    primary key (tenant_id, id),
    check (closes_minute > opens_minute),
    foreign key (tenant_id, practitioner_id) references practitioners (tenant_id, id)
);
create index opening_hours_by_practitioner on opening_hours (tenant_id, practitioner_id, weekday);

create table appointments (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    contact_id uuid not null,
    practitioner_id uuid not null,
    service_id uuid not null,
    call_id uuid,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    status text not null check (status in ('held', 'booked', 'confirmed', 'arrived', 'done', 'no_show', 'cancelled')),
    note text,
    idempotency_key text not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, id),
    unique (tenant_id, idempotency_key),
    check (ends_at > starts_at),
    foreign key (tenant_id, contact_id) references contacts (tenant_id, id),
    foreign key (tenant_id, practitioner_id) references practitioners (tenant_id, id),
    foreign key (tenant_id, service_id) references services (tenant_id, id),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
);
create index appointments_by_practitioner on appointments (tenant_id, practitioner_id, starts_at);
create index appointments_by_contact on appointments (tenant_id, contact_id);
create index appointments_by_time on appointments (tenant_id, starts_at);

create table waitlist (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    contact_id uuid not null,
    service_id uuid not null,
    practitioner_id uuid,
    earliest_at timestamptz not null,
    latest_at timestamptz not null,
    note text,
    created_at timestamptz not null,
    closed_at timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, contact_id) references contacts (tenant_id, id),
    foreign key (tenant_id, service_id) references services (tenant_id, id),
    foreign key (tenant_id, practitioner_id) references practitioners (tenant_id, id)
);
create index waitlist_by_service on waitlist (tenant_id, service_id, created_at);

-- Row security, as in the first migration.
do $$
declare
    t text;
begin
    foreach t in array array['services', 'practitioners', 'practitioner_services', 'opening_hours', 'appointments',
                             'waitlist']
    loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy tenant_scope on %I to switchboard_app
                        using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)
                        with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)', t);
        execute format('grant select, insert, update, delete on %I to switchboard_app', t);
    end loop;
end $$;
