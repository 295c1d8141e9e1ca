-- Staff sign in: how often they did, from where, by which second factor, and how they get their first password.

-- Made by `serve --demo`: opens nothing on a server that is no demo on loopback.
alter table staff add column is_demo integer not null default 0;
alter table staff add column sign_ins integer not null default 0;
alter table staff add column last_signed_in_at text;

-- A keyed hash of the address block. An address that this person came from before is not slowed down by strangers.
alter table logins add column address_hash text;
-- When the person last showed a password or a code in this login.
alter table logins add column proved_at text;
-- Nothing is open to this login before a second factor is set up.
alter table logins add column must_enrol integer not null default 0;

create table second_factors (
    tenant_id blob not null references tenants (id),
    staff_id blob not null,
    -- Sealed by the server; this database never sees the secret itself.
    sealed_secret blob not null,
    created_at text not null,
    confirmed_at text,
    -- The newest time step whose code was used. An older code, or the same again, is refused.
    last_step integer not null default 0,
    primary key (tenant_id, staff_id),
    foreign key (tenant_id, staff_id) references staff (tenant_id, id)
) strict;

create table recovery_codes (
    tenant_id blob not null references tenants (id),
    staff_id blob not null,
    code_hash text not null,
    created_at text not null,
    used_at text,
    primary key (tenant_id, staff_id, code_hash),
    foreign key (tenant_id, staff_id) references staff (tenant_id, id)
) strict;

create table invitations (
    tenant_id blob not null references tenants (id),
    id blob not null,
    staff_id blob not null,
    token_hash text not null,
    created_at text not null,
    expires_at text not null,
    used_at text,
    primary key (tenant_id, id),
    unique (tenant_id, token_hash),
    foreign key (tenant_id, staff_id) references staff (tenant_id, id)
) strict;
create index invitations_by_token on invitations (token_hash);

-- A repeated request may come from a signed-in person as well as from a key, so its credential is either of them.
-- SQLite drops a foreign key only with its table.
create table idempotency_keys_of_all (
    tenant_id blob not null references tenants (id),
    credential_id blob not null,
    route text not null,
    key_hash text not null,
    request_hash text not null,
    claimed_at text not null,
    status integer,
    content_type text,
    answer blob,
    primary key (tenant_id, credential_id, route, key_hash)
) strict;
insert into idempotency_keys_of_all (tenant_id, credential_id, route, key_hash, request_hash, claimed_at, status,
        content_type, answer)
    select tenant_id, credential_id, route, key_hash, request_hash, claimed_at, status, content_type, answer
    from idempotency_keys;
drop table idempotency_keys;
alter table idempotency_keys_of_all rename to idempotency_keys;
create index idempotency_keys_by_time on idempotency_keys (tenant_id, claimed_at);
