//! Operators get a mail when an alert is raised and one when it is over, and none while it stands.

#[path = "support/after.rs"]
mod after;
mod support;

use std::time::Duration;

use after::{mail_by, text_of};
use support::{BOUND, TestServer, carrier};
use switchboard::mail::Mailer;
use switchboard::ops::alerts::{AlertMail, AlertWatch, NodeSignals, WebhookAnswers};
use switchboard_sim::smtp::{FakeSmtp, SmtpFault, SmtpStep};
use switchboard_store::{AlertSeverity, NewAlert, Timestamp, Word};

const OPERATOR: &str = "ops@example.org";

/// A watch over virtual minutes that tells the operator by the fake.
struct Minutes {
    watch: AlertWatch,
    minute: u64,
    began: Timestamp,
}

impl Minutes {
    /// The server's own watch tells nobody, so that every mail is this one's.
    fn new(server: &TestServer) -> Self {
        let mut settings = (*server.reception.settings).clone();
        settings.ops.alert_mail = vec![OPERATOR.to_owned()];
        let mailer = Mailer::new(&settings.mail).expect("usable").expect("set");
        let mail = AlertMail::start(&settings, Some(&mailer)).expect("addresses");
        let watch = AlertWatch::new(server.reception.clone(), WebhookAnswers::default());
        Self {
            watch: watch.telling(mail),
            minute: 0,
            // Not in the past: the server's own watch ends alerts that nobody saw for a while.
            began: chrono::Utc::now(),
        }
    }

    async fn look(&mut self, signals: NodeSignals, times: u64) {
        for _ in 0..times {
            let now = Duration::from_secs(60 * self.minute);
            let at = self.began + chrono::TimeDelta::from_std(now).expect("short");
            self.watch.look_with(signals, now, at).await;
            self.minute += 1;
        }
    }
}

fn well() -> NodeSignals {
    NodeSignals {
        database: Some(true),
        breakers_open: Some(0.0),
        ..NodeSignals::default()
    }
}

async fn set_up() -> (FakeSmtp, TestServer) {
    let smtp = FakeSmtp::start().await.expect("a mail server");
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |settings| mail_by(settings, &smtp)).await;
    (smtp, server)
}

async fn subjects(smtp: &FakeSmtp, count: usize) -> Vec<String> {
    let mails = smtp.wait_for_mails(count, BOUND).await.expect("mails");
    let subject = |mail: &switchboard_sim::smtp::ReceivedMail| {
        mail.header("Subject").unwrap_or_default().to_owned()
    };
    mails.iter().map(subject).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_mailed_when_it_is_raised_and_when_it_is_over_and_not_between() {
    let (smtp, server) = set_up().await;
    let mut minutes = Minutes::new(&server);
    minutes.look(well(), 2).await;
    let open = NodeSignals {
        breakers_open: Some(1.0),
        ..well()
    };
    minutes.look(open, 1).await;
    let raised = "[Switchboard] critical: breaker_open";
    assert_eq!(subjects(&smtp, 1).await, [raised]);
    let first = text_of(&smtp.received()[0]);
    assert!(first.contains("so its calls go to a person"), "{first}");
    assert_eq!(smtp.received()[0].to, [OPERATOR]);
    // It stands, trembles, and stands: nobody is told again.
    minutes.look(open, 30).await;
    minutes.look(well(), 3).await;
    minutes.look(open, 30).await;
    minutes.look(well(), 7).await;
    let over = "[Switchboard] over: breaker_open";
    assert_eq!(subjects(&smtp, 2).await, [raised, over]);
    minutes.look(well(), 30).await;
    server.stop().await;
    assert_eq!(smtp.received().len(), 2);
}

/// A node that is gone cannot say that its alert is over; whoever ends it does, once.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_vanished_node_had_found_is_mailed_as_over() {
    let (smtp, server) = set_up().await;
    let mut minutes = Minutes::new(&server);
    let alert = NewAlert {
        rule: Word::new("breaker_open"),
        subject: "a-node-that-is-gone".to_owned(),
        severity: AlertSeverity::Critical,
        figure: 1.0,
        at: minutes.began,
    };
    let installation = server.reception.store.installation();
    assert!(installation.raise_alert(&alert).await.expect("stored"));
    minutes.look(well(), 10).await;
    assert!(smtp.received().is_empty(), "it may come back");
    minutes.look(well(), 10).await;
    assert_eq!(
        subjects(&smtp, 1).await,
        ["[Switchboard] over: breaker_open"]
    );
    assert!(text_of(&smtp.received()[0]).contains("a-node-that-is-gone"));
    minutes.look(well(), 10).await;
    server.stop().await;
    assert_eq!(smtp.received().len(), 1);
}

/// The one alert that cannot be stored first.
#[tokio::test(flavor = "multi_thread")]
async fn that_the_database_is_away_is_mailed_while_it_is_away_and_once() {
    let (smtp, server) = set_up().await;
    let mut minutes = Minutes::new(&server);
    minutes.look(well(), 1).await;
    let away = NodeSignals {
        database: Some(false),
        ..well()
    };
    minutes.look(away, 5).await;
    let raised = "[Switchboard] critical: database_away";
    assert_eq!(subjects(&smtp, 1).await, [raised]);
    minutes.look(well(), 8).await;
    let over = "[Switchboard] over: database_away";
    assert_eq!(subjects(&smtp, 2).await, [raised, over]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_mail_that_the_server_refuses_is_tried_again() {
    let (smtp, server) = set_up().await;
    smtp.plan(SmtpFault::Answer(
        SmtpStep::Message,
        451,
        "4.7.1 come again",
    ));
    let mut minutes = Minutes::new(&server);
    minutes.look(well(), 1).await;
    let open = NodeSignals {
        breakers_open: Some(2.0),
        ..well()
    };
    minutes.look(open, 1).await;
    let raised = "[Switchboard] critical: breaker_open";
    assert_eq!(subjects(&smtp, 1).await, [raised]);
    assert_eq!(smtp.connections(), 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_address_is_refused_at_the_start() {
    let mut settings = switchboard::config::Settings::default();
    settings.ops.alert_mail = vec!["ops@example.org\r\nBcc: all@example.org".to_owned()];
    assert!(AlertMail::start(&settings, None).is_err());
}
