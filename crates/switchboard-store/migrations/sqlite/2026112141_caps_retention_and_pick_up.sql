-- Caps per caller and key, the age of what is kept, and a number's own party.

-- How often a caller called lately is asked while the telephone rings; an erasure by number asks it too.
create index calls_of_caller_lately on calls (tenant_id, caller_number, offered_at);

-- Who wished a call: the API key, none for the operator. Keys are capped one by one (threat M5).
alter table outgoing_calls add column requested_by blob;

-- The party of the agent that takes over for this number: a name, as calls are handed to numbers by `human_number`.
alter table numbers add column human_target text;
