//! What one setting alone cannot know.

use switchboard_wire::openai::{EXPIRES_AFTER_S_MAX, EXPIRES_AFTER_S_MIN};

use super::error::{Place, SettingsError};
use super::{MailTls, Settings};

/// Refuses settings that contradict each other or would hurt callers.
pub(super) fn check(settings: &Settings) -> Result<(), SettingsError> {
    signatures(settings)?;
    public_scheme(settings)?;
    silence(settings)?;
    length(settings)?;
    percentages(settings)?;
    super::handoff::check_settings(settings)?;
    bucket(settings)?;
    mail(settings)?;
    sessions(settings)?;
    transcription(settings)?;
    telemetry(settings)?;
    not_zero(settings)
}

/// Traces hold no personal data and may cross a network of the operator in the clear; a key may not.
fn telemetry(settings: &Settings) -> Result<(), SettingsError> {
    let telemetry = &settings.telemetry;
    if telemetry.headers().is_none() {
        return refuse(
            "telemetry.otlp_headers",
            "it is no list of headers".to_owned(),
            "write it like authorization=Bearer abc,x-scope=calls",
        );
    }
    let Some(url) = &telemetry.otlp_url else {
        return Ok(());
    };
    if telemetry.otlp_headers.is_some() && !url.is_encrypted() && !url.is_loopback() {
        return refuse(
            "telemetry.otlp_url",
            "the key in telemetry.otlp_headers would travel in the clear".to_owned(),
            "use https://",
        );
    }
    Ok(())
}

/// As long as the vendor's own client secrets may live.
fn sessions(settings: &Settings) -> Result<(), SettingsError> {
    if (EXPIRES_AFTER_S_MIN..=EXPIRES_AFTER_S_MAX).contains(&settings.sessions.token_s) {
        return Ok(());
    }
    refuse(
        "sessions.token_s",
        "a token lives for 10 to 7200 seconds".to_owned(),
        "set it to 1800",
    )
}

/// A password and what callers said must not cross a network in the clear.
fn mail(settings: &Settings) -> Result<(), SettingsError> {
    let mail = &settings.mail;
    let Some(host) = &mail.host else {
        return Ok(());
    };
    let is_loopback = host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    if mail.tls == MailTls::None && !is_loopback {
        return refuse(
            "mail.tls",
            "none is allowed on loopback only".to_owned(),
            "use starttls or implicit",
        );
    }
    if mail.user.is_some() != mail.password.is_some() {
        return refuse(
            "mail.password",
            "user and password belong together".to_owned(),
            "set both or none",
        );
    }
    if mail.from.is_none() {
        return refuse(
            "mail.from",
            "mails need a sender".to_owned(),
            "set it to an address like voice@example.com",
        );
    }
    Ok(())
}

/// What callers said must not cross a network in the clear, and one transcriber is enough.
fn transcription(settings: &Settings) -> Result<(), SettingsError> {
    let transcription = &settings.transcription;
    let Some(base_url) = &transcription.base_url else {
        return Ok(());
    };
    if transcription.program.is_some() {
        return refuse(
            "transcription.program",
            "a server is set too".to_owned(),
            "set transcription.base_url or transcription.program, not both",
        );
    }
    if !base_url.is_loopback() && !base_url.is_encrypted() {
        return refuse(
            "transcription.base_url",
            "what callers said would travel in the clear".to_owned(),
            "use https://",
        );
    }
    Ok(())
}

/// Threat H4: without signatures anybody who finds the address may place calls.
fn signatures(settings: &Settings) -> Result<(), SettingsError> {
    let public_url = settings.public_url();
    if settings.twilio.validate_signatures || public_url.is_loopback() {
        return Ok(());
    }
    refuse(
        "twilio.validate_signatures",
        format!("false is allowed on loopback only, and the public address is {public_url}"),
        "set it to true, or set http.public_url to a loopback address",
    )
}

fn public_scheme(settings: &Settings) -> Result<(), SettingsError> {
    match &settings.http.public_url {
        Some(url) if !url.is_loopback() && !url.is_encrypted() => refuse(
            "http.public_url",
            "carriers and browsers need an encrypted address".to_owned(),
            "use https://",
        ),
        _ => Ok(()),
    }
}

fn silence(settings: &Settings) -> Result<(), SettingsError> {
    let calls = &settings.calls;
    if calls.silence_nudge_ms < calls.silence_handoff_ms {
        return Ok(());
    }
    refuse(
        "calls.silence_nudge_ms",
        "the agent would ask only after the human has taken over".to_owned(),
        "make it smaller than calls.silence_handoff_ms",
    )
}

fn length(settings: &Settings) -> Result<(), SettingsError> {
    let calls = &settings.calls;
    if calls.length_warning_s < calls.length_max_s {
        return Ok(());
    }
    refuse(
        "calls.length_warning_s",
        "the warning would come before the call".to_owned(),
        "make it smaller than calls.length_max_s",
    )
}

/// A bucket without its key refuses everything, and a key on a plain connection is everybody's.
fn bucket(settings: &Settings) -> Result<(), SettingsError> {
    let recordings = &settings.recordings;
    if recordings.s3_bucket.is_none() {
        return Ok(());
    }
    if recordings.s3_access_key_id.is_none() || recordings.s3_secret_access_key.is_none() {
        return refuse(
            "recordings.s3_bucket",
            "a bucket needs a key".to_owned(),
            "set recordings.s3_access_key_id and recordings.s3_secret_access_key",
        );
    }
    match &recordings.s3_endpoint {
        Some(endpoint) if !endpoint.is_loopback() && !endpoint.is_encrypted() => refuse(
            "recordings.s3_endpoint",
            "audio and key would travel in the clear".to_owned(),
            "use https://",
        ),
        _ => Ok(()),
    }
}

fn percentages(settings: &Settings) -> Result<(), SettingsError> {
    if settings.calls.budget_warning_percent > 100 {
        return refuse(
            "calls.budget_warning_percent",
            "more than 100 %".to_owned(),
            "use 1 to 100",
        );
    }
    let ops = &settings.ops;
    if ops.fallback_critical_percent > 100 || ops.disk_free_percent_min > 100 {
        return refuse(
            "ops.fallback_critical_percent",
            "a share of more than 100 %, here or in ops.disk_free_percent_min".to_owned(),
            "use 1 to 100",
        );
    }
    if ops.fallback_warning_percent > ops.fallback_critical_percent {
        return refuse(
            "ops.fallback_warning_percent",
            "the warning would come after the critical alert".to_owned(),
            "make it no larger than ops.fallback_critical_percent",
        );
    }
    if settings.telemetry.sample_percent > 100 {
        return refuse(
            "telemetry.sample_percent",
            "more than 100 %".to_owned(),
            "use 1 to 100",
        );
    }
    if settings.limits.audio_rate_percent_max < 100 {
        return refuse(
            "limits.audio_rate_percent_max",
            "less than real time cuts every caller".to_owned(),
            "use 100 or more",
        );
    }
    Ok(())
}

/// Limits of zero would refuse everything or never wait, which nobody means.
fn not_zero(settings: &Settings) -> Result<(), SettingsError> {
    let numbers = [
        ("http.connections_max", settings.http.connections_max as u64),
        (
            "http.connections_per_address_max",
            settings.http.connections_per_address_max as u64,
        ),
        ("http.header_ms_max", settings.http.header_ms_max),
        ("http.body_ms_max", settings.http.body_ms_max),
        ("http.idle_ms_max", settings.http.idle_ms_max),
        (
            "http.requests_per_s_max",
            u64::from(settings.http.requests_per_s_max),
        ),
        (
            "http.requests_burst_max",
            u64::from(settings.http.requests_burst_max),
        ),
        (
            "database.connections_max",
            u64::from(settings.database.connections_max),
        ),
        ("database.flush_ms", settings.database.flush_ms),
        ("database.spool_mib_max", settings.database.spool_mib_max),
        ("calls.handshake_ms", settings.calls.handshake_ms),
        ("calls.dead_air_ms", settings.calls.dead_air_ms),
        ("calls.permit_lease_s", settings.calls.permit_lease_s),
        ("openai.connect_ms_max", settings.openai.connect_ms_max),
        ("openai.breaker_probe_ms", settings.openai.breaker_probe_ms),
        (
            "openai.session_age_s_max",
            settings.openai.session_age_s_max,
        ),
        ("twilio.transfer_ms_max", settings.twilio.transfer_ms_max),
        ("handoff.ring_s_max", settings.handoff.ring_s_max),
        ("handoff.accept_s_max", settings.handoff.accept_s_max),
        ("handoff.queue_s_max", settings.handoff.queue_s_max),
        ("handoff.voicemail_s_max", settings.handoff.voicemail_s_max),
        (
            "recordings.s3_request_ms_max",
            settings.recordings.s3_request_ms_max,
        ),
        (
            "transcription.answer_ms_max",
            settings.transcription.answer_ms_max,
        ),
        ("jobs.concurrent_max", settings.jobs.concurrent_max as u64),
        ("webrtc.sessions_max", settings.webrtc.sessions_max as u64),
        ("webrtc.connect_ms_max", settings.webrtc.connect_ms_max),
        (
            "webrtc.unfinished_max",
            settings.webrtc.unfinished_max as u64,
        ),
        ("jobs.poll_ms", settings.jobs.poll_ms),
        ("mail.connect_ms_max", settings.mail.connect_ms_max),
        ("mail.answer_ms_max", settings.mail.answer_ms_max),
        ("ops.handshake_p95_ms", settings.ops.handshake_p95_ms),
        (
            "telemetry.sample_percent",
            settings.telemetry.sample_percent,
        ),
        (
            "ops.fallback_warning_percent",
            settings.ops.fallback_warning_percent,
        ),
    ];
    let limits = &settings.limits;
    let limits = [
        ("limits.stream_token_s", limits.stream_token_s),
        ("limits.stream_start_ms_max", limits.stream_start_ms_max),
        ("limits.message_bytes_max", limits.message_bytes_max as u64),
        (
            "limits.model_buffer_bytes_max",
            limits.model_buffer_bytes_max as u64,
        ),
        (
            "limits.carrier_buffer_bytes_max",
            limits.carrier_buffer_bytes_max as u64,
        ),
        (
            "limits.client_buffer_bytes_max",
            limits.client_buffer_bytes_max as u64,
        ),
        ("limits.write_ms_max", limits.write_ms_max),
        ("limits.backlog_ms_min", limits.backlog_ms_min),
        ("limits.audio_burst_ms_max", limits.audio_burst_ms_max),
        ("limits.model_reopen_ms_max", limits.model_reopen_ms_max),
        ("limits.ping_ms", limits.ping_ms),
        ("limits.pong_ms_max", limits.pong_ms_max),
        ("limits.idle_s_max", limits.idle_s_max),
    ];
    let mut numbers = numbers.iter().chain(&limits);
    match numbers.find(|(_, number)| *number == 0) {
        Some((key, _)) => refuse(
            key,
            "0 would refuse everything, or never wait".to_owned(),
            "use 1 or more",
        ),
        None => Ok(()),
    }
}

fn refuse(key: &str, reason: String, help: &str) -> Result<(), SettingsError> {
    let place = Place::Default;
    Err(SettingsError::Invalid {
        key: key.to_owned(),
        reason,
        place,
        help: help.to_owned(),
    })
}
