//! Two tenants that store the same things under the same names, numbers and, where the writer makes them, ids.

mod left;
mod outgoing;
mod shared_limits;
mod voice;
mod webhook;

use serde_json::json;
use switchboard_store::*;

use super::{TestStore, at};
pub use left::*;
pub use outgoing::*;
pub use shared_limits::*;
pub use voice::*;
pub use webhook::*;

/// The ids of one twin's rows that the store made.
pub struct Twin {
    pub store: TenantStore,
    pub id: TenantId,
    /// A word that every text of this twin contains, where its text is free.
    pub canary: &'static str,
    pub staff: StaffId,
    pub login: LoginId,
    pub api_key: ApiKeyId,
    pub account: TwilioAccountId,
    pub number: NumberId,
    pub agent: AgentId,
    pub contact: ContactId,
    pub memory: MemoryId,
    pub conversation: ConversationId,
    pub message: MessageId,
    pub service: ServiceId,
    pub practitioner: PractitionerId,
    pub appointment: AppointmentId,
    pub waitlist: WaitlistId,
    /// A call that only this twin has.
    pub own_call: CallId,
    /// A job that only this twin has.
    pub own_job: JobId,
    pub mail: MailId,
    pub webhook: WebhookId,
    pub delivery: WebhookDeliveryId,
    /// The node that holds its permits.
    pub node: NodeId,
}

/// Ids that writers make. Both twins use the same ones.
#[derive(Clone, Copy)]
pub struct SharedIds {
    pub call: CallId,
    /// A wish to call somebody, and its first try.
    pub outgoing: CallId,
    pub consent: ConsentId,
    pub recording: RecordingId,
    pub usage: UsageId,
    pub voicemail: VoicemailId,
    pub job: JobId,
}

pub const PHONE: &str = "+12025550142";
pub const EMAIL: &str = "ama@example.org";
pub const NAME: &str = "Ama Osei";
pub const NUMBER: &str = "+12025550103";
pub const CARRIER_CALL: &str = "CA00000000000000000000000000000001";
pub const ACCOUNT: &str = "AC00000000000000000000000000000001";
pub const VENDOR_MESSAGE: &str = "SM00000000000000000000000000000001";
pub const BOOKING_KEY: &str = "booking-1";

impl SharedIds {
    pub fn new() -> Self {
        Self {
            call: CallId::new(),
            outgoing: CallId::new(),
            consent: ConsentId::new(),
            recording: RecordingId::new(),
            usage: UsageId::new(),
            voicemail: VoicemailId::new(),
            job: JobId::new(),
        }
    }
}

impl Twin {
    pub async fn seed(
        test: &TestStore,
        name: &str,
        canary: &'static str,
        shared: SharedIds,
    ) -> Self {
        let tenant = test.tenant(name).await;
        let store = test.scoped(tenant.id);
        let own_call = CallId::new();
        let own_job = JobId::new();
        store
            .enqueue_job(&job(own_job, own_call.uuid()))
            .await
            .unwrap();
        let mail = store.ensure_mail(&mail(own_call.uuid())).await.unwrap();
        let webhook = WebhookId::new();
        store
            .add_webhook(&webhook_of(webhook, canary))
            .await
            .unwrap();
        store.announce(&told(own_call.uuid())).await.unwrap();
        let delivery = store
            .list_webhook_deliveries(&ListFilter::default())
            .await
            .unwrap()
            .remove(0);
        store
            .log_webhook_try(&delivery, WebhookDeliveryState::Failed, &tried())
            .await
            .unwrap();
        let staff = store.create_staff(&person(canary)).await.unwrap();
        let codes = [canary.to_owned().into()];
        let secret = sealed(canary);
        let begun = store.begin_second_factor(staff, &secret, &codes, at(0));
        assert!(begun.await.unwrap());
        store.invite_staff(staff, at(0), at(900)).await.unwrap();
        let contact = store.create_contact(&contact()).await.unwrap().id;
        let conversation = store
            .open_conversation(Some(contact), Channel::Phone, at(0))
            .await
            .unwrap();
        let service = store.put_service(&service(canary)).await.unwrap();
        let practitioner = store
            .put_practitioner(&practitioner(canary, vec![service]))
            .await
            .unwrap();
        let hours = [OpeningHours {
            practitioner_id: None,
            weekday: 1,
            opens_minute: 540,
            closes_minute: 1020,
        }];
        store.replace_opening_hours(None, &hours).await.unwrap();
        store
            .replace_opening_hours(Some(practitioner), &hours)
            .await
            .unwrap();
        store.remember(&memory(contact, canary)).await.unwrap();
        store.raise_alert(&alert(canary)).await.unwrap();
        store
            .put_setting(&Word::new("streaming"), &json!({ "note": canary }))
            .await
            .unwrap();
        store
            .receive_webhook(&Word::new("twilio.voice"), CARRIER_CALL, at(0))
            .await
            .unwrap();
        store
            .apply(&call_writes(
                shared,
                canary,
                Some(contact),
                Some(conversation),
            ))
            .await
            .unwrap();
        let ringing = transfer(shared.call, canary);
        assert!(store.offer_transfer(&ringing, 9).await.unwrap());
        let own = NewCall {
            id: own_call,
            carrier_call_id: Some(format!("CA-{canary}")),
            ..call(shared.call, canary)
        };
        store.offer_call(&own).await.unwrap();
        store
            .erase_person(&PersonRows::default(), &erasure(tenant.id, canary))
            .await
            .unwrap();
        store
            .mint_stream_token(shared.call, CARRIER_CALL, ACCOUNT, at(15))
            .await
            .unwrap()
            .unwrap();
        seed_voice(&store, shared, contact, canary).await;
        let api_key = store.create_api_key(canary).await.unwrap().id;
        let asked = repeatable(api_key);
        store
            .claim_idempotency_key(&asked, &claim_times())
            .await
            .unwrap();
        assert!(
            store
                .keep_idempotent_answer(&asked, &answer(canary))
                .await
                .unwrap()
        );
        let switched = NewSwitch {
            switch: Switch::ConsentWording,
            value: canary.to_owned(),
            expires_at: None,
        };
        store.put_switch(None, &switched).await.unwrap();
        let node = NodeId::new();
        let lease = std::time::Duration::from_secs(3600);
        test.store
            .installation()
            .renew_lease(node, lease)
            .await
            .unwrap();
        let held = store.reserve_budget(&budget_ask(shared.call, canary)).await;
        assert!(held.unwrap().is_ok());
        store
            .take_permits(node, shared.call, &permits())
            .await
            .unwrap();
        store
            .request_outgoing_call(&outgoing_call(shared.outgoing, contact, canary))
            .await
            .unwrap();
        store
            .capture_fields(shared.call, &captured(canary))
            .await
            .unwrap();
        let attempt = outgoing_attempt(shared.outgoing, canary);
        let begun = store.begin_outgoing_attempt(shared.outgoing, 1, &attempt);
        assert!(begun.await.unwrap());
        store
            .opt_out(&opted_out(), &Word::parse(canary).unwrap())
            .await
            .unwrap();
        Self {
            id: tenant.id,
            node,
            canary,
            staff,
            login: store
                .create_login(staff, &login_start(0, 3600))
                .await
                .unwrap()
                .id,
            api_key,
            account: store
                .put_twilio_account(ACCOUNT, &sealed(canary))
                .await
                .unwrap(),
            number: store.put_number(&number(canary)).await.unwrap(),
            agent: store
                .publish_agent("medspa", &json!({ "note": canary }), canary)
                .await
                .unwrap()
                .id,
            contact,
            memory: store.memories(contact, at(0)).await.unwrap()[0].id,
            conversation,
            message: store
                .add_message(&message(conversation, canary))
                .await
                .unwrap()
                .unwrap(),
            service,
            practitioner,
            appointment: store
                .book(&appointment(contact, practitioner, service, canary))
                .await
                .unwrap()
                .id,
            waitlist: store
                .join_waitlist(&wish(contact, service, canary))
                .await
                .unwrap(),
            own_call,
            own_job,
            mail: mail.id,
            webhook,
            delivery: delivery.id,
            store,
        }
    }

    /// Texts that only this twin's rows contain.
    pub fn marks(&self) -> Vec<String> {
        let ids = [
            self.id.uuid(),
            self.staff.uuid(),
            self.login.uuid(),
            self.api_key.uuid(),
            self.account.uuid(),
            self.number.uuid(),
            self.agent.uuid(),
            self.contact.uuid(),
            self.memory.uuid(),
            self.conversation.uuid(),
            self.message.uuid(),
            self.service.uuid(),
            self.practitioner.uuid(),
            self.appointment.uuid(),
            self.waitlist.uuid(),
            self.own_call.uuid(),
            self.own_job.uuid(),
            self.mail.uuid(),
            self.webhook.uuid(),
            self.delivery.uuid(),
        ];
        ids.iter()
            .map(ToString::to_string)
            .chain([self.canary.to_owned()])
            .collect()
    }
}

/// Somebody who is in the list and left nothing behind.
pub fn erasure(tenant_id: TenantId, canary: &str) -> Erasure {
    Erasure {
        id: ErasureId::new(),
        tenant_id,
        contact_id: None,
        address_hashes: vec![canary.to_owned()],
        call_ids: Vec::new(),
        conversation_ids: Vec::new(),
        erased_at: at(1),
    }
}

pub fn phone(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).unwrap()
}

pub fn sealed(canary: &str) -> Private<Vec<u8>> {
    canary.as_bytes().to_vec().into()
}

pub fn alert(canary: &str) -> NewAlert {
    NewAlert {
        rule: Word::new("fallback_rate"),
        subject: canary.to_owned(),
        severity: AlertSeverity::Warning,
        figure: 7.5,
        at: at(10),
    }
}

/// A login from the beginning of time `from_s` until `until_s`.
pub fn login_start(from_s: i64, until_s: i64) -> LoginStart {
    LoginStart {
        at: at(from_s),
        expires_at: at(until_s),
        address_hash: Some("block".to_owned()),
        must_enrol: false,
    }
}

pub fn person(canary: &str) -> NewStaff {
    NewStaff {
        name: canary.into(),
        email: "kofi@example.org".into(),
        role: StaffRole::Owner,
        password_hash: None,
        location: Some(canary.to_owned()),
        is_demo: false,
    }
}

/// A call of this user that asks for 1 USD of a day with 10 USD.
pub fn repeatable(credential: ApiKeyId) -> IdempotentRequest {
    IdempotentRequest {
        credential: credential.uuid(),
        route: "PUT /api/v1/switches".to_owned(),
        key: "once".into(),
        request: b"body".to_vec().into(),
    }
}

pub fn claim_times() -> ClaimTimes {
    ClaimTimes {
        now: at(10),
        abandoned_before: at(-50),
        forget_before: at(-3600),
    }
}

pub fn answer(canary: &str) -> StoredAnswer {
    StoredAnswer {
        status: 200,
        content_type: Some("application/json".to_owned()),
        body: canary.as_bytes().to_vec().into(),
    }
}

pub fn contact() -> NewContact {
    NewContact {
        name: Some(NAME.into()),
        phone: Some(phone(PHONE)),
        email: Some(EMAIL.into()),
        postal: Some("1 Long Street".into()),
        ..NewContact::default()
    }
}

pub fn memory(contact: ContactId, canary: &str) -> NewMemory {
    NewMemory {
        contact_id: contact,
        topic: Word::new("preferred_time"),
        fact: canary.into(),
        source: Word::new("call"),
        confidence: Some(0.5),
        expires_at: None,
    }
}

pub fn message(conversation: ConversationId, canary: &str) -> NewMessage {
    NewMessage {
        conversation_id: conversation,
        channel: Channel::Sms,
        speaker: Speaker::Caller,
        vendor_id: Some(VENDOR_MESSAGE.to_owned()),
        body: canary.into(),
        at: at(1),
    }
}

pub fn number(canary: &str) -> NewNumber {
    NewNumber {
        number: phone(NUMBER),
        agent_name: "medspa".to_owned(),
        human_target: None,
        human_number: Some(phone("+12025550199")),
        twilio_account: None,
        location: Some(canary.to_owned()),
    }
}

pub fn service(canary: &str) -> NewService {
    NewService {
        name: "Facial".to_owned(),
        description: Some(canary.to_owned()),
        duration_minutes: 60,
        price: Money {
            micros: Micros(120_000_000),
            currency: Currency::USD,
        },
        synonyms: vec!["hydrafacial".to_owned()],
        location: None,
    }
}

pub fn practitioner(canary: &str, services: Vec<ServiceId>) -> NewPractitioner {
    NewPractitioner {
        name: "Dr. Lee".to_owned(),
        location: Some(canary.to_owned()),
        services,
    }
}

pub fn appointment(
    contact: ContactId,
    practitioner: PractitionerId,
    service: ServiceId,
    canary: &str,
) -> NewAppointment {
    NewAppointment {
        contact_id: contact,
        practitioner_id: practitioner,
        service_id: service,
        call_id: None,
        starts_at: at(3600),
        ends_at: at(7200),
        note: Some(canary.into()),
        idempotency_key: BOOKING_KEY.to_owned(),
    }
}

pub fn wish(contact: ContactId, service: ServiceId, canary: &str) -> NewWaitlistEntry {
    NewWaitlistEntry {
        contact_id: contact,
        service_id: service,
        practitioner_id: None,
        earliest_at: at(0),
        latest_at: at(7200),
        note: Some(canary.into()),
    }
}

pub fn call(id: CallId, canary: &str) -> NewCall {
    NewCall {
        id,
        carrier_call_id: Some(CARRIER_CALL.to_owned()),
        agent_name: "medspa".to_owned(),
        agent_version: Some(1),
        channel: Channel::Phone,
        direction: Direction::Inbound,
        number: Some(phone(NUMBER)),
        caller_number: Some(phone(PHONE)),
        contact_id: None,
        conversation_id: None,
        location: Some(canary.to_owned()),
        offered_at: at(0),
    }
}

/// One write of every kind about one call.
pub fn call_writes(
    shared: SharedIds,
    canary: &str,
    contact: Option<ContactId>,
    conversation: Option<ConversationId>,
) -> Vec<JournalWrite> {
    let call_id = shared.call;
    let private = || Some(Private::new(json!({ "text": canary })));
    vec![
        JournalWrite::CallOffered(call(call_id, canary)),
        JournalWrite::CallProgressed(CallProgress {
            call_id,
            status: CallStatus::Answered,
            carrier_status: Some(Word::new("in-progress")),
            at: at(1),
        }),
        JournalWrite::CallMatched {
            call_id,
            contact_id: contact,
            conversation_id: conversation,
        },
        JournalWrite::CallLanguage {
            call_id,
            language: canary.to_owned(),
        },
        JournalWrite::Event(CallEventWrite {
            call_id,
            seq: 1,
            at: at(2),
            name: Word::new("call_answered"),
            technical: json!({ "note": canary }),
            private: private(),
        }),
        JournalWrite::Inputs(CallInputBatch {
            call_id,
            batch: 0,
            first_input: 1,
            input_count: 2,
            encoding: Word::new("v1"),
            payload: canary.as_bytes().to_vec().into(),
        }),
        JournalWrite::Turn(turn(call_id, canary)),
        JournalWrite::ToolCall(ToolCallWrite {
            call_id,
            seq: 1,
            tool: Word::new("find_contact"),
            server: Word::new("desk"),
            vendor_id: None,
            idempotency_key: None,
            status: ToolCallStatus::Succeeded,
            arguments: Private::new(json!({ "name": canary })),
            result: private(),
            started_at: at(3),
            finished_at: Some(at(4)),
            duration_ms: Some(1000),
        }),
        JournalWrite::Consent(NewConsent {
            id: shared.consent,
            contact_id: contact,
            call_id: Some(call_id),
            purpose: Word::new("recording"),
            wording: canary.to_owned(),
            language: "en".to_owned(),
            answer: ConsentAnswer::Granted,
            answer_text: Some(canary.into()),
            heard_ms: Some(2000),
            disclosed_at: at(2),
            answered_at: Some(at(3)),
            version: Some("3".to_owned()),
            complete: Some(true),
        }),
        JournalWrite::Recording(RecordingWrite {
            id: shared.recording,
            call_id,
            source: Word::new("tap"),
            layout: Word::new("caller_left_agent_right"),
            status: RecordingStatus::Stored,
            started_at: at(3),
            offset_ms: 3000,
            length_ms: Some(5000),
            dropped_ms: Some(0),
            bytes: Some(20_000),
            checksum: Some(canary.to_owned()),
            object_key: canary.to_owned(),
            retained_until: Some(at(50)),
            erased_at: None,
        }),
        JournalWrite::Usage(UsageWrite {
            id: shared.usage,
            call_id: Some(call_id),
            component: "model".to_owned(),
            provider: "openai".to_owned(),
            model: canary.to_owned(),
            unit: "audio_input_tokens".to_owned(),
            quantity: 100,
            cost_micros: Micros(3200),
            currency: Currency::USD,
            at: at(5),
            turn: None,
        }),
        JournalWrite::Handshake(HandshakeWrite {
            call_id,
            started_at: at(0),
            elapsed_ms: 420,
            fell_back: false,
            reason: None,
        }),
        JournalWrite::ModelSession(ModelSessionWrite {
            call_id,
            ordinal: 1,
            provider: "openai".to_owned(),
            model: canary.to_owned(),
            voice: Some("marin".to_owned()),
            input_format: "audio/pcmu".to_owned(),
            output_format: "audio/pcmu".to_owned(),
            turn_detection: Some(json!({ "type": "server_vad" })),
            tools: None,
            limits: None,
            instructions_version: Some("1".to_owned()),
            vendor_session_id: Some("sess_1".to_owned()),
            opened_at: at(0),
            ready_at: Some(at(1)),
            closed_at: None,
            close_reason: None,
        }),
        JournalWrite::TransfersClosed { call_id, at: at(5) },
        JournalWrite::Transfer(transfer(call_id, canary)),
        JournalWrite::Voicemail(voicemail(shared.voicemail, call_id)),
        JournalWrite::Job(job(shared.job, call_id.uuid())),
    ]
}

/// The same key in both twins would do, but each has its own call.
pub fn mail(about: uuid::Uuid) -> NewMail {
    NewMail {
        kind: Word::new("transcript"),
        key: JobKey::of(about),
        call_id: None,
        job_id: None,
    }
}

pub fn job(id: JobId, about: uuid::Uuid) -> NewJob {
    NewJob {
        id,
        kind: Word::new("test.work"),
        key: JobKey::of(about),
        ids: JobIds::of("call_id", about),
        run_at: at(0),
    }
}

/// A party of this name that rings.
pub fn transfer(call_id: CallId, canary: &str) -> TransferWrite {
    TransferWrite {
        call_id,
        ordinal: 1,
        reason: Word::new("dtmf_0"),
        target: Word::parse(canary).unwrap(),
        kind: TransferKind::Number,
        status: TransferStatus::Ringing,
        legs: 1,
        counts_until: at(50_000),
        at: at(6),
        is_over: false,
        talked_s: None,
    }
}

/// A message whose recording is named like itself.
pub fn turn(call_id: CallId, canary: &str) -> TurnWrite {
    TurnWrite {
        call_id,
        seq: 1,
        speaker: Speaker::Agent,
        generated_text: Some(canary.into()),
        sent_text: Some(canary.into()),
        heard_text: None,
        language: Some("en".to_owned()),
        confidence: None,
        interrupted: false,
        response_ms: Some(640),
        heard_ms: None,
        started_at: at(2),
        ended_at: None,
    }
}
