-- What a business offers, who does it when, and the diary.

create table services (
    tenant_id blob not null references tenants (id),
    id blob not null,
    name text not null,
    name_key text not null,
    description text,
    duration_minutes integer not null check (duration_minutes > 0),
    price_micros integer not null,
    currency text not null check (length(currency) = 3),
    -- Other words callers use for this service.
    synonyms text not null,
    location text,
    active integer not null,
    created_at text not null,
    primary key (tenant_id, id),
    unique (tenant_id, name_key)
) strict;

create table practitioners (
    tenant_id blob not null references tenants (id),
    id blob not null,
    name text not null,
    name_key text not null,
    location text,
    active integer not null,
    -- Raised by every change of this diary. The update locks the row, which puts bookings in a line on both databases.
    diary_version integer not null,
    created_at text not null,
    primary key (tenant_id, id),
    unique (tenant_id, name_key)
) strict;

create table practitioner_services (
    tenant_id blob not null references tenants (id),
    practitioner_id blob not null,
    service_id blob not null,
    primary key (tenant_id, practitioner_id, service_id),
    foreign key (tenant_id, practitioner_id) references practitioners (tenant_id, id),
    foreign key (tenant_id, service_id) references services (tenant_id, id)
) strict;

-- Local times of the tenant's zone. Without a practitioner the row speaks for the whole business.
create table opening_hours (
    tenant_id blob not null references tenants (id),
    id blob not null,
    practitioner_id blob,
    -- 1 is Monday, 7 is Sunday.
    weekday integer not null check (weekday between 1 and 7),
    opens_minute integer not null check (opens_minute between 0 and 1439),
    closes_minute integer not null check (closes_minute between 1 and 1440),
    primary key (tenant_id, id),
    check (closes_minute > opens_minute),
    foreign key (tenant_id, practitioner_id) references practitioners (tenant_id, id)
) strict;
create index opening_hours_by_practitioner on opening_hours (tenant_id, practitioner_id, weekday);

create table appointments (
    tenant_id blob not null references tenants (id),
    id blob not null,
    contact_id blob not null,
    practitioner_id blob not null,
    service_id blob not null,
    call_id blob,
    starts_at text not null,
    ends_at text not null,
    status text not null check (status in ('held', 'booked', 'confirmed', 'arrived', 'done', 'no_show', 'cancelled')),
    note text,
    idempotency_key text not null,
    created_at text not null,
    updated_at text not null,
    primary key (tenant_id, id),
    unique (tenant_id, idempotency_key),
    check (ends_at > starts_at),
    foreign key (tenant_id, contact_id) references contacts (tenant_id, id),
    foreign key (tenant_id, practitioner_id) references practitioners (tenant_id, id),
    foreign key (tenant_id, service_id) references services (tenant_id, id),
    foreign key (tenant_id, call_id) references calls (tenant_id, id)
) strict;
create index appointments_by_practitioner on appointments (tenant_id, practitioner_id, starts_at);
create index appointments_by_contact on appointments (tenant_id, contact_id);
create index appointments_by_time on appointments (tenant_id, starts_at);

create table waitlist (
    tenant_id blob not null references tenants (id),
    id blob not null,
    contact_id blob not null,
    service_id blob not null,
    practitioner_id blob,
    earliest_at text not null,
    latest_at text not null,
    note text,
    created_at text not null,
    closed_at text,
    primary key (tenant_id, id),
    foreign key (tenant_id, contact_id) references contacts (tenant_id, id),
    foreign key (tenant_id, service_id) references services (tenant_id, id),
    foreign key (tenant_id, practitioner_id) references practitioners (tenant_id, id)
) strict;
create index waitlist_by_service on waitlist (tenant_id, service_id, created_at);
