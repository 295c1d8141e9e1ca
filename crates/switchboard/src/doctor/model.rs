//! The Realtime model: whether key and model open a session, how long that takes, and when the vendor ends the model.

use std::time::Instant;

use serde::Deserialize;
use switchboard_wire::websocket::Message;

use super::{ANSWER_MAX, Finding, clock_of};
use crate::config::{Secret, Settings};
use crate::socket::{self, DialError, SocketLimits};

/// Days before its end in which a model should be replaced.
const SHUTDOWN_DAYS_MIN: i64 = 30;

/// The part of `GET /v1/models` that is looked at.
#[derive(Deserialize)]
struct Models {
    data: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    id: String,
    #[serde(default)]
    shutdown_date: Option<String>,
}

pub(super) async fn findings(settings: &Settings, client: &reqwest::Client) -> Vec<Finding> {
    let Some(key) = &settings.openai.api_key else {
        return vec![Finding::warning(
            "model",
            "openai.api_key is not set; agents with model \"auto\" are offline demo agents",
            "set OPENAI_API_KEY where the server runs",
        )];
    };
    let mut findings = vec![session(settings, key).await];
    let request = client.get(settings.openai.base_url.as_http().join("/models"));
    // A model that is compatible and has no list is as good as one that has.
    if let Ok(answer) = request.bearer_auth(key.expose()).send().await {
        findings.extend(clock_of(
            "model_clock",
            "the model's vendor",
            answer.headers(),
        ));
        if answer.status().is_success()
            && let Ok(models) = answer.json::<Models>().await
        {
            findings.push(listed(settings, &models));
        }
    }
    findings
}

/// Opens a session and closes it before anything is said: that costs nothing.
async fn session(settings: &Settings, key: &Secret) -> Finding {
    let check = "model";
    let openai = &settings.openai;
    let model = &openai.realtime_model;
    let query = form_urlencoded::byte_serialize(model.as_bytes()).collect::<String>();
    let url = openai
        .base_url
        .as_websocket()
        .join(&format!("/realtime?model={query}"));
    let bearer = format!("Bearer {}", key.expose());
    let began = Instant::now();
    let opened = async {
        let mut socket = socket::dial(
            &url,
            &[("authorization", &bearer)],
            SocketLimits::model(&settings.limits),
        )
        .await?;
        let first = socket.next().await;
        let text = match &first {
            Ok(Message::Text(text)) => text.as_str().to_owned(),
            _ => String::new(),
        };
        socket.close(1000, "").await;
        Ok::<String, DialError>(text)
    };
    let help_key = "correct openai.api_key; a key of another project cannot use this model";
    match tokio::time::timeout(ANSWER_MAX, opened).await {
        Ok(Ok(text)) if text.contains("\"session.created\"") => {
            let ms = began.elapsed().as_millis();
            Finding::passed(check, format!("{model} opens a session in {ms} ms"))
        }
        Ok(Ok(text)) => {
            let why = serde_json::from_str::<serde_json::Value>(&text).ok();
            let why = why.and_then(|it| it["error"]["code"].as_str().map(str::to_owned));
            let says = format!(
                "{model} opens no session: {}",
                why.unwrap_or_else(|| "the vendor closes it".to_owned())
            );
            Finding::failed(
                check,
                says,
                "correct openai.realtime_model, and see that the account has credit",
            )
        }
        Ok(Err(DialError::Refused(status @ (401 | 403)))) => Finding::failed(
            check,
            format!("the model's vendor refuses the key ({status})"),
            help_key,
        ),
        Ok(Err(error)) => Finding::failed(
            check,
            format!("the model's vendor cannot be reached: {error}"),
            "let this machine reach openai.base_url",
        ),
        Err(_) => Finding::failed(
            check,
            "the model's vendor does not answer in time",
            "let this machine reach openai.base_url",
        ),
    }
}

fn listed(settings: &Settings, models: &Models) -> Finding {
    let check = "model_id";
    let wanted = &settings.openai.realtime_model;
    let help = "set openai.realtime_model to one of the account's models";
    let Some(found) = models.data.iter().find(|model| model.id == *wanted) else {
        return Finding::warning(
            check,
            format!("{wanted} is not in the account's list of models"),
            help,
        );
    };
    let ends = found
        .shutdown_date
        .as_deref()
        .and_then(|date| date.parse::<chrono::NaiveDate>().ok());
    match ends.map(|date| (date, (date - chrono::Utc::now().date_naive()).num_days())) {
        Some((date, days)) if days < SHUTDOWN_DAYS_MIN => {
            Finding::warning(check, format!("the vendor ends {wanted} on {date}"), help)
        }
        Some((date, _)) => Finding::passed(check, format!("{wanted} is offered until {date}")),
        None => Finding::passed(check, format!("{wanted} is one of the account's models")),
    }
}
