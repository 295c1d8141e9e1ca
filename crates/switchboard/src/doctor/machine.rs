//! This machine: settings that protect, room on the disk, programs of the offline model.

use std::path::Path;

use super::Finding;
use crate::config::Settings;
use crate::models::local::check_programs;
use crate::ops::alerts::disk_free_percent;
use crate::reception::local_programs;

pub(super) fn findings(settings: &Settings) -> Vec<Finding> {
    vec![secret(settings), disk(settings), speech(settings)]
}

fn secret(settings: &Settings) -> Finding {
    let check = "signature_secret";
    let twilio = &settings.twilio;
    if !twilio.validate_signatures {
        return Finding::warning(
            check,
            "webhooks are believed without a signature; only the loopback address allows it",
            "set twilio.validate_signatures = true",
        );
    }
    match (&twilio.auth_token, &twilio.account_sid) {
        (Some(_), Some(_)) => {
            Finding::passed(check, "webhooks are checked with the account's token")
        }
        (Some(_), None) => Finding::warning(
            check,
            "webhooks are checked, but twilio.account_sid is not set, so the carrier's API cannot be asked",
            "set twilio.account_sid or TWILIO_ACCOUNT_SID",
        ),
        (None, _) => Finding::warning(
            check,
            "no Twilio account is set; only numbers of tenants with an account of their own are served",
            "set twilio.account_sid and twilio.auth_token, or `switchboard tenant twilio set`",
        ),
    }
}

fn disk(settings: &Settings) -> Finding {
    let check = "disk";
    let key_file = Path::new(&settings.database.sealing_key_file);
    let least = settings.ops.disk_free_percent_min as f64;
    match disk_free_percent(key_file.parent().unwrap_or(Path::new(""))) {
        Some(free) if free >= least => {
            Finding::passed(check, format!("{free:.0} % of the disk are free"))
        }
        Some(free) => Finding::failed(
            check,
            format!("{free:.1} % of the disk are free, less than {least} %"),
            "make room: when the disk is full nothing can be kept; `du -sh data/*` shows what is large",
        ),
        None => Finding::skipped(check, "the directory of the data does not exist yet"),
    }
}

fn speech(settings: &Settings) -> Finding {
    let check = "offline_speech";
    match check_programs(&local_programs(settings)) {
        Ok(()) => Finding::passed(check, "the programs of the offline model are there"),
        Err(missing) if settings.openai.api_key.is_some() => {
            Finding::skipped(check, format!("{missing}; only offline agents need it"))
        }
        Err(missing) => Finding::failed(
            check,
            format!("{missing}, and openai.api_key is not set: no agent can speak"),
            "as root: apt-get install espeak-ng pocketsphinx pocketsphinx-en-us",
        ),
    }
}
