//! The matrix as a table: every row of threats.md section 3, and the tests that prove it.

/// The rows, in their order there.
#[derive(Debug, Clone, Copy)]
enum Row {
    ModelFails,
    VendorUnreachable,
    ProcessKilled,
    ProcessFrozen,
    StreamBroken,
    CarrierApiFails,
    HumanUnreachable,
    DatabaseGone,
    DiskFull,
    ToolHangs,
    LimitReached,
    TooManyCallers,
    ClockJumps,
    SecretExpired,
    Drain,
    HostileInput,
}

const ROWS: [Row; 16] = [
    Row::ModelFails,
    Row::VendorUnreachable,
    Row::ProcessKilled,
    Row::ProcessFrozen,
    Row::StreamBroken,
    Row::CarrierApiFails,
    Row::HumanUnreachable,
    Row::DatabaseGone,
    Row::DiskFull,
    Row::ToolHangs,
    Row::LimitReached,
    Row::TooManyCallers,
    Row::ClockJumps,
    Row::SecretExpired,
    Row::Drain,
    Row::HostileInput,
];

/// File under `crates/` and test in it. The core's walk through all phases stands for every row it decides.
type Proof = (&'static str, &'static str);

const CORE: Proof = (
    "switchboard-call/tests/promises/fault_matrix.rs",
    "every_fault_in_every_phase_keeps_its_promise_to_the_caller",
);

fn here(file: &'static str, test: &'static str) -> Proof {
    (file, test)
}

const MODEL: &str = "switchboard/tests/fault-matrix/model.rs";
const NETWORK: &str = "switchboard/tests/fault-matrix/network.rs";
const PROCESS: &str = "switchboard/tests/fault-matrix/process.rs";
const CARRIER: &str = "switchboard/tests/fault-matrix/carrier.rs";
const PEOPLE: &str = "switchboard/tests/fault-matrix/people.rs";
const DATABASE: &str = "switchboard/tests/fault-matrix/database.rs";
const DISK: &str = "switchboard/tests/fault-matrix/disk.rs";
const DRAIN: &str = "switchboard/tests/fault-matrix/drain.rs";
const LIMITS: &str = "switchboard/tests/fault-matrix/limits.rs";
const STREAM_THREATS: &str = "switchboard/tests/stream-threats.rs";

fn proofs(row: Row) -> Vec<Proof> {
    match row {
        Row::ModelFails => vec![
            CORE,
            here(
                MODEL,
                "a_model_that_never_gets_ready_costs_the_caller_the_watchdog_at_most",
            ),
            here(
                MODEL,
                "a_model_that_fails_in_the_conversation_gives_the_caller_to_the_human",
            ),
            here(MODEL, "a_model_that_talks_nonsense_disturbs_nobody"),
        ],
        Row::VendorUnreachable => vec![
            CORE,
            here(
                NETWORK,
                "a_vendor_that_cannot_be_reached_costs_the_caller_the_watchdog_at_most",
            ),
        ],
        Row::ProcessKilled => vec![here(
            PROCESS,
            "after_kill_9_the_carrier_dials_the_human_and_no_older_event_is_lost",
        )],
        Row::ProcessFrozen => vec![
            CORE,
            here(
                PROCESS,
                "a_process_frozen_past_its_limits_wakes_up_to_its_call",
            ),
        ],
        Row::StreamBroken => vec![
            CORE,
            here(
                CARRIER,
                "a_stream_that_breaks_leaves_the_caller_to_the_carriers_document",
            ),
            here(
                CARRIER,
                "a_stream_that_goes_quiet_is_given_to_the_human_after_the_silence",
            ),
        ],
        Row::CarrierApiFails => vec![
            CORE,
            here(
                CARRIER,
                "a_transfer_that_fails_at_the_carrier_is_a_cut_that_dials_once",
            ),
            here(
                CARRIER,
                "a_hang_up_that_fails_at_the_carrier_is_repeated_and_dials_nobody",
            ),
        ],
        Row::HumanUnreachable => vec![here(
            PEOPLE,
            "a_human_who_cannot_be_reached_leaves_the_caller_to_our_voicemail",
        )],
        Row::DatabaseGone => vec![
            CORE,
            here(
                DATABASE,
                "a_database_that_is_stopped_ends_no_call_and_gets_every_event_once_it_is_back",
            ),
        ],
        Row::DiskFull => vec![
            here(
                DISK,
                "r5_a_call_on_a_full_disk_goes_on_and_lands_when_there_is_room",
            ),
            here(
                DISK,
                "r5_a_call_on_a_disk_that_refuses_every_write_goes_on_and_lands_when_it_is_mended",
            ),
        ],
        Row::ToolHangs => vec![
            CORE,
            here(
                LIMITS,
                "a_caller_who_asks_gets_the_human_and_a_flood_of_tools_changes_nothing",
            ),
        ],
        Row::LimitReached => vec![
            CORE,
            here(LIMITS, "money_length_and_silence_end_at_the_human"),
        ],
        Row::TooManyCallers => vec![here(
            LIMITS,
            "of_300_callers_at_once_10_get_the_agent_and_nobody_stays_unanswered",
        )],
        // The core is given moments of a clock that never jumps and has no other.
        Row::ClockJumps => vec![CORE],
        Row::SecretExpired => vec![here(
            MODEL,
            "a_model_that_never_gets_ready_costs_the_caller_the_watchdog_at_most",
        )],
        Row::Drain => vec![
            CORE,
            here(
                LIMITS,
                "a_stop_gives_the_call_in_progress_to_the_human_at_its_limit",
            ),
            here(
                DRAIN,
                "r8_a_stop_takes_no_new_call_finishes_or_hands_over_the_live_ones_and_keeps_all_whole",
            ),
        ],
        Row::HostileInput => vec![
            here(
                STREAM_THREATS,
                "s3_each_violation_in_a_call_ends_that_stream_and_no_other_call_notices",
            ),
            here(MODEL, "a_model_that_talks_nonsense_disturbs_nobody"),
        ],
    }
}

#[test]
fn every_row_of_the_matrix_has_its_proof() {
    let crates = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    for row in ROWS {
        let proofs = proofs(row);
        assert!(!proofs.is_empty(), "{row:?} has no proof");
        for (file, test) in proofs {
            let text = std::fs::read_to_string(format!("{crates}/{file}")).expect("the file");
            assert!(
                text.contains(&format!("fn {test}(")),
                "{row:?}: {test} is gone from {file}"
            );
        }
    }
}
