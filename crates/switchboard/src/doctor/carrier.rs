//! Our numbers at the carrier: where their calls go, and where they go when we are gone.

use std::sync::Arc;

use switchboard_store::{Actor, PhoneNumber, Purpose, Store, TenantScope};
use switchboard_wire::twilio::AccountSid;
use switchboard_wire::twilio::rest::{
    NumberResource, NumbersPage, RestError, UpdateNumber, number_path, number_query_path,
};
use switchboard_wire::twilio::twiml::{Dial, Document, Record, Say, Verb};

use super::{DoctorOptions, Finding, clock_of, live_call};
use crate::channels::twilio::Account;
use crate::config::{BaseUrl, Settings};
use crate::ops::seal::SealingKey;

/// A number of ours, and how its account is asked.
pub(super) struct Ours {
    pub(super) number: PhoneNumber,
    pub(super) human: Option<PhoneNumber>,
    pub(super) account: AccountSid,
    token: crate::config::Secret,
}

pub(super) struct Carrier<'a> {
    pub(super) settings: &'a Settings,
    pub(super) client: &'a reqwest::Client,
    options: &'a DoctorOptions,
}

pub(super) async fn findings(
    settings: &Settings,
    client: &reqwest::Client,
    store: Option<&Store>,
    options: &DoctorOptions,
) -> Vec<Finding> {
    let check = "numbers";
    if let Some(url) = &options.fallback_url
        && url.host() == settings.public_url().host()
    {
        let says = "a fallback on our own host falls with it; nothing was set";
        return vec![Finding::failed(
            "fallback_url",
            says,
            "host the document elsewhere, such as the carrier's own document store",
        )];
    }
    let Some(store) = store else {
        return vec![Finding::skipped(
            check,
            "our numbers cannot be read without the database",
        )];
    };
    let ours = match of_all_tenants(settings, store).await {
        Ok(ours) => ours,
        Err(error) => {
            return vec![Finding::failed(
                check,
                format!("our numbers cannot be read: {error}"),
                "mend the database first",
            )];
        }
    };
    if ours.is_empty() {
        let help = "`switchboard tenant number set`, and an account in the settings or by `switchboard tenant twilio set`";
        return vec![Finding::warning(
            check,
            "no number with an account leads to an agent",
            help,
        )];
    }
    let carrier = Carrier {
        settings,
        client,
        options,
    };
    let mut findings = Vec::new();
    for number in &ours {
        findings.extend(carrier.examine(number, findings.is_empty()).await);
    }
    if let Some(to) = &options.live_call {
        findings.push(live_call::finding(&carrier, &ours, to).await);
    }
    findings
}

/// Every number of every tenant whose account can be opened.
async fn of_all_tenants(settings: &Settings, store: &Store) -> anyhow::Result<Vec<Ours>> {
    let sealing = Arc::new(SealingKey::load_or_create(std::path::Path::new(
        &settings.database.sealing_key_file,
    ))?);
    let mut all = Vec::new();
    for tenant in store.installation().list_tenants().await? {
        let rows = store.tenant(TenantScope::new(tenant.id, Actor::Operator, Purpose::List));
        for listed in rows.list_numbers().await? {
            let Some(route) = store.lookup().number(&listed.number).await? else {
                continue;
            };
            let Ok(account) = Account::of_route(settings, &sealing, &route) else {
                continue;
            };
            let Some(sid) = account.sid else { continue };
            all.push(Ours {
                number: listed.number,
                human: route.human_number,
                account: sid,
                token: account.token,
            });
        }
    }
    Ok(all)
}

impl Carrier<'_> {
    async fn examine(&self, ours: &Ours, is_first: bool) -> Vec<Finding> {
        let number = ours.number.expose();
        let (found, headers) = match self.find(ours).await {
            Ok(found) => found,
            Err(finding) => return vec![finding],
        };
        let mut findings = Vec::new();
        if is_first {
            findings.extend(clock_of("carrier_clock", "the carrier", &headers));
        }
        let Some(found) = found else {
            let says = format!("{number} is not a number of its Twilio account");
            findings.push(Finding::failed("number", says, "buy or port the number, or name the account that has it: `switchboard tenant twilio set`"));
            return findings;
        };
        let wanted = self.wanted(&found);
        let found = match self.set(ours, &found, wanted).await {
            Ok(found) => found,
            Err(finding) => {
                findings.push(finding);
                return findings;
            }
        };
        findings.push(self.urls(number, &found));
        findings.push(self.fallback(ours, &found));
        findings
    }

    fn url(&self, path: &str) -> String {
        self.settings.public_url().as_http().join(path)
    }

    /// What is to be changed, as far as we were asked to.
    fn wanted(&self, found: &NumberResource) -> UpdateNumber {
        let unless =
            |is: &Option<String>, should: String| (is.as_ref() != Some(&should)).then_some(should);
        let (voice, status) = if self.options.sets_urls {
            (
                unless(&found.voice_url, self.url("/twilio/voice")),
                unless(&found.status_callback, self.url("/twilio/status")),
            )
        } else {
            (None, None)
        };
        let fallback = self.options.fallback_url.as_ref();
        UpdateNumber {
            voice_url: voice,
            status_callback: status,
            voice_fallback_url: fallback
                .and_then(|url| unless(&found.voice_fallback_url, url.as_str().to_owned())),
        }
    }

    fn urls(&self, number: &str, found: &NumberResource) -> Finding {
        let check = "number_urls";
        let voice = found.voice_url.as_deref() == Some(&self.url("/twilio/voice"));
        let status = found.status_callback.as_deref() == Some(&self.url("/twilio/status"));
        let help = "`switchboard doctor --set-urls` sets them";
        match (voice, status) {
            (true, true) => Finding::passed(
                check,
                format!("calls to {number} come to us, and their ends are told"),
            ),
            (true, false) => Finding::warning(
                check,
                format!(
                    "the ends of calls to {number} are not told to {}",
                    self.url("/twilio/status")
                ),
                help,
            ),
            (false, _) => Finding::failed(
                check,
                format!(
                    "calls to {number} do not come to {}",
                    self.url("/twilio/voice")
                ),
                help,
            ),
        }
    }

    /// The only protection when our server does not answer at all.
    fn fallback(&self, ours: &Ours, found: &NumberResource) -> Finding {
        let check = "number_fallback";
        let number = ours.number.expose();
        let document = static_document(self.settings, ours.human.as_ref());
        let help = format!(
            "host this document elsewhere and run `switchboard doctor --fallback-url URL`:\n{document}"
        );
        let set = found
            .voice_fallback_url
            .as_deref()
            .filter(|url| !url.is_empty());
        let Some(set) = set else {
            return Finding::failed(
                check,
                format!(
                    "{number} has no fallback URL: when we do not answer, its callers hear an error"
                ),
                help,
            );
        };
        let host = set.parse::<BaseUrl>().map(|url| url.host().to_owned());
        match host {
            Ok(host) if host == self.settings.public_url().host() => Finding::failed(
                check,
                format!("the fallback of {number} is on our own host and falls with it"),
                help,
            ),
            Ok(_) => Finding::passed(
                check,
                format!("when we do not answer, callers of {number} hear a document elsewhere"),
            ),
            Err(_) => Finding::failed(
                check,
                format!("the fallback of {number} is no usable address"),
                help,
            ),
        }
    }

    async fn find(
        &self,
        ours: &Ours,
    ) -> Result<(Option<NumberResource>, http::HeaderMap), Finding> {
        let path = number_query_path(&ours.account, ours.number.expose());
        let request = self
            .client
            .get(self.settings.twilio.api_base_url.as_http().join(&path));
        let (headers, body) = self.ask(ours, request).await?;
        let page: NumbersPage = serde_json::from_slice(&body).map_err(|_| unreadable())?;
        let mut numbers = page.incoming_phone_numbers.into_iter();
        Ok((
            numbers.find(|found| found.phone_number == ours.number.expose()),
            headers,
        ))
    }

    async fn set(
        &self,
        ours: &Ours,
        found: &NumberResource,
        wanted: UpdateNumber,
    ) -> Result<NumberResource, Finding> {
        if wanted == UpdateNumber::default() {
            return Ok(found.clone());
        }
        let path = number_path(&ours.account, &found.sid);
        let request = self
            .client
            .post(self.settings.twilio.api_base_url.as_http().join(&path));
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(wanted.to_form().encode());
        let (_, body) = self.ask(ours, request).await?;
        serde_json::from_slice(&body).map_err(|_| unreadable())
    }

    /// The answer to a request of this number's account.
    pub(super) async fn ask(
        &self,
        ours: &Ours,
        request: reqwest::RequestBuilder,
    ) -> Result<(http::HeaderMap, bytes::Bytes), Finding> {
        let check = "carrier_api";
        let request = request.basic_auth(ours.account.as_str(), Some(ours.token.expose()));
        let answer = request.send().await.map_err(|_| {
            let says = format!("{} cannot be reached", self.settings.twilio.api_base_url);
            Finding::failed(
                check,
                says,
                "let this machine reach it by HTTPS: transfers and hang-ups need it",
            )
        })?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.unwrap_or_default();
        if status.is_success() {
            return Ok((headers, body));
        }
        let error = RestError::from_body(status.as_u16(), &body);
        let help = if status.as_u16() == 401 {
            "correct twilio.auth_token (the primary one), or `switchboard tenant twilio set`"
        } else {
            "look the code up at twilio.com/docs/api/errors"
        };
        Err(Finding::failed(check, error.to_string(), help))
    }
}

pub(super) fn unreadable() -> Finding {
    Finding::failed(
        "carrier_api",
        "the carrier's API answers what cannot be read",
        "see that twilio.api_base_url is Twilio's",
    )
}

/// What a number's fallback URL should serve: the human, then voicemail. It is hosted elsewhere and asks nobody.
fn static_document(settings: &Settings, human: Option<&PhoneNumber>) -> String {
    let verbs = static_verbs(settings, human);
    Document::new(verbs).to_xml().unwrap_or_default()
}

/// The human of a number, or the installation's.
pub(super) fn human_of<'a>(
    settings: &'a Settings,
    human: Option<&'a PhoneNumber>,
) -> Option<&'a str> {
    let human = human.map(PhoneNumber::expose);
    human.or_else(|| settings.handoff.number.as_ref().map(PhoneNumber::expose))
}

pub(super) fn static_verbs(settings: &Settings, human: Option<&PhoneNumber>) -> Vec<Verb> {
    let voice = &settings.speech.carrier_voice;
    let say = |words: &str| Verb::Say(Say::new(words).with_voice(voice));
    let human = human_of(settings, human);
    let mut verbs = Vec::new();
    if let Some(human) = human {
        verbs.push(say("One moment please, I am connecting you."));
        verbs.push(Verb::Dial(Dial {
            timeout_s: u32::try_from(settings.handoff.ring_s_max).ok(),
            ..Dial::number(human)
        }));
    }
    verbs.push(say(
        "If you were not helped, please leave a message after the tone.",
    ));
    verbs.push(Verb::Record(Record {
        length_s_max: u32::try_from(settings.handoff.voicemail_s_max).ok(),
        play_beep: Some(true),
        ..Record::default()
    }));
    verbs
}
